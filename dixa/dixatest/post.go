package dixatest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// mostText is how much of a receiver's answer is kept.
const mostText = 4 << 10

// post sends a delivery and tells how that went.
func post(ctx context.Context, client *http.Client, timeout time.Duration, to Subscription, d *delivery) deliveryDetail {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	detail := deliveryDetail{Type: "DeliveryDetail", At: isoTime(time.Now())}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(d.body))
	if err == nil {
		var resp *http.Response
		for key, value := range to.Headers {
			r.Header.Set(key, value)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-DIXA-SIGNATURE", d.signature)
		r.Header.Set("X-DIXA-SUBSCRIPTION-ID", to.ID)
		if resp, err = client.Do(r); err == nil {
			defer resp.Body.Close()
			text, _ := io.ReadAll(io.LimitReader(resp.Body, mostText))
			detail.Code, detail.OK, detail.Text = resp.StatusCode, resp.StatusCode/100 == 2, strings.ToValidUTF8(string(text), "�")
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		detail.Text = "no answer in time"
	case err != nil:
		detail.Text = "no answer"
	}
	return detail
}

// signature is the value of X-DIXA-SIGNATURE.
// https://docs.dixa.io/docs/webhooks/webhooks-security
func signature(secret string, at time.Time, body []byte) string {
	key, err := hex.DecodeString(secret)
	if err != nil {
		panic(fmt.Sprintf("dixatest: a secret that is not hex: %v", err))
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%d.", at.UnixMilli())
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%x", at.UnixMilli(), mac.Sum(nil))
}
