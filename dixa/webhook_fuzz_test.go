package dixa_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// digestOf is what a body is signed with at a time in any spelling, as Dixa's page on security has it.
// https://docs.dixa.io/docs/webhooks/webhooks-security
func digestOf(secret []byte, stamp, body string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(stamp + "." + body))
	return hex.EncodeToString(h.Sum(nil))
}

// A header is accepted where it has the exact form and the right digest, and where its time is not ahead: never else.
func FuzzSignature(f *testing.F) {
	for _, header := range []string{
		vectorHeader, "", "t=", "t=,v1=", "t=1,v1=" + strings.Repeat("0", 64), vectorHeader + "," + vectorHeader, "t=0" + vectorHeader[2:],
		strings.ToUpper(vectorHeader), " " + vectorHeader, "v1=" + vectorDigest + ",t=1700000000000", "t=-1,v1=", "t=٣,v1=",
	} {
		f.Add(header, "1700000000000", vectorBody)
	}
	for _, stamp := range []string{"", "0", "00", "+1", "-1", "1_0", "0x1", "1700000300000", "1700000300001", "9223372036854775808", "1,v1=", "1\n"} {
		f.Add(vectorHeader, stamp, "{}")
	}
	form := regexp.MustCompile(`\A[0-9]+\z`)
	secret, err := hex.DecodeString(vectorSecret)
	if err != nil {
		f.Fatal(err)
	}
	s := dixa.Secrets{[]byte("another"), secret}
	f.Fuzz(func(t *testing.T, header, stamp, body string) {
		// A header of the fuzzer's own is as good as impossible to get right, but for the one that it was given.
		signed, err := s.Verify([]string{header}, []byte(body), vectorTime)
		if err == nil && (header != vectorHeader || body != vectorBody) {
			t.Fatalf("%q over %q is accepted, signed at %v", header, body, signed)
		}
		// One with the right digest depends on its time.
		header = "t=" + stamp + ",v1=" + digestOf(secret, stamp, body)
		signed, err = s.Verify([]string{header}, []byte(body), vectorTime)
		want := false
		if form.MatchString(stamp) && len(stamp) < 1000 {
			ms, _ := new(big.Int).SetString(stamp, 10)
			want = ms.Cmp(big.NewInt(vectorTime.Add(5*time.Minute).UnixMilli())) <= 0
			if want && ms.Int64() != signed.UnixMilli() {
				t.Fatalf("%q is signed at %v", header, signed)
			}
		}
		if len(stamp) < 1000 && want != (err == nil) || err != nil && !errors.Is(err, dixa.ErrSignature) {
			t.Fatalf("%q over %q: %v, want it accepted: %v", header, body, err, want)
		}
	})
}

// Secrets are those that the text has in hex, and an error repeats nothing of it.
func FuzzSecrets(f *testing.F) {
	for _, text := range []string{"", " ", ",", vectorSecret, vectorSecret + " , 00", "0", "0g", "00,,00", "00,", "ＦＦ", "00\x00", strings.ToUpper(vectorSecret)} {
		f.Add(text)
	}
	said := regexp.MustCompile(`\Adixa: reading webhook secrets: number [0-9]+ is not pairs of hex digits\z`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := dixa.ParseSecrets(text)
		if err != nil {
			if s != nil || !said.MatchString(err.Error()) {
				t.Fatalf("%q: %d secrets, %v", text, len(s), err)
			}
			return
		}
		var parts []string
		for _, secret := range s {
			if len(secret) == 0 {
				t.Fatalf("%q has an empty secret", text)
			}
			parts = append(parts, hex.EncodeToString(secret))
		}
		if want := strings.ToLower(strings.Join(strings.Fields(text), "")); strings.Join(parts, ",") != want {
			t.Fatalf("%q has the secrets %q", text, parts)
		}
	})
}
