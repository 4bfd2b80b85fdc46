package dixa

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is where a webhook carries its signature, in the spelling of [http.Header].
// https://docs.dixa.io/docs/webhooks/webhooks-security
const SignatureHeader = "X-Dixa-Signature"

// ErrSignature: a webhook that does not prove that Dixa sent it.
var ErrSignature = errors.New("the signature is not valid")

// maxAhead is how far the clock of whoever signs may be ahead of this one.
const maxAhead = 5 * time.Minute

// Secrets are the keys of webhook subscriptions. There are several while one takes the place of another.
type Secrets [][]byte

// ParseSecrets reads secrets as Dixa shows them, in hex, with commas between several. An empty text has none. The error
// repeats nothing of the text.
func ParseSecrets(text string) (Secrets, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var s Secrets
	for part := range strings.SplitSeq(text, ",") {
		secret, err := hex.DecodeString(strings.TrimSpace(part))
		if err != nil || len(secret) == 0 {
			return nil, fmt.Errorf("dixa: reading webhook secrets: number %d is not pairs of hex digits", len(s)+1)
		}
		s = append(s, secret)
	}
	return s, nil
}

// String keeps the secrets out of messages.
func (s Secrets) String() string { return "***" }

// LogValue keeps the secrets out of logs.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Verify tells whether a webhook was signed with one of the secrets, and when. Its headers are all those named
// [SignatureHeader], its body every byte as it came. The error is an [ErrSignature]; a time of more than five minutes
// ahead is one. How old a webhook may be is the caller's to decide: Dixa does not document how long it goes on to
// deliver one. https://docs.dixa.io/docs/webhooks/webhooks-security
func (s Secrets) Verify(headers []string, body []byte, now time.Time) (signed time.Time, err error) {
	if len(headers) != 1 {
		return time.Time{}, fmt.Errorf("dixa: %w: there are %d signatures", ErrSignature, len(headers))
	}
	stamp, signed, digest, ok := signature(headers[0])
	if !ok {
		return time.Time{}, fmt.Errorf("dixa: %w: it has another form", ErrSignature)
	}
	match := false
	for _, secret := range s {
		// Each is tried, whichever fits. With an empty one anybody could sign.
		match = hmac.Equal(digest, sum(secret, stamp, body)) && len(secret) > 0 || match
	}
	if !match {
		return time.Time{}, fmt.Errorf("dixa: %w: it was made with another secret, or of something else", ErrSignature)
	}
	if signed.After(now.Add(maxAhead)) {
		return time.Time{}, fmt.Errorf("dixa: %w: its time is yet to come", ErrSignature)
	}
	return signed, nil
}

// Sign returns the signature header of a body, as Dixa sends it.
func Sign(secret []byte, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(sum(secret, stamp, body))
}

// signature takes a header apart: Unix milliseconds in decimal, and a digest in lower case.
func signature(header string) (stamp string, signed time.Time, digest []byte, ok bool) {
	rest, named := strings.CutPrefix(header, "t=")
	stamp, text, _ := strings.Cut(rest, ",v1=")
	ms, err := strconv.ParseUint(stamp, 10, 63)
	digest, bad := hex.DecodeString(text)
	return stamp, time.UnixMilli(int64(ms)), digest, named && err == nil && bad == nil && hex.EncodeToString(digest) == text
}

// sum is the digest of a body at a time. The time is in it as it is written.
func sum(secret []byte, stamp string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(stamp + "."))
	h.Write(body)
	return h.Sum(nil)
}
