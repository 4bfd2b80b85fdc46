package dixa_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// What Dixa's recipe gives for these was confirmed with another program.
// https://docs.dixa.io/docs/webhooks/webhooks-security
const (
	vectorSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	vectorBody   = `{"event_id":"00000000-0000-4000-8000-000000000001","event_fqn":"CONVERSATION_CREATED"}`
	vectorDigest = "b4a3904cfcb450e32eeca5d91ebadccc595671e8faef3e8f16c22fc7d0d960d0"
	vectorHeader = "t=1700000000000,v1=" + vectorDigest
)

var vectorTime = time.UnixMilli(1700000000000)

// secrets reads secrets that are well formed.
func secrets(t testing.TB, text string) dixa.Secrets {
	t.Helper()
	s, err := dixa.ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThePublishedVectorIsSignedAndAccepted(t *testing.T) {
	s := secrets(t, vectorSecret)
	if got := dixa.Sign(s[0], vectorTime, []byte(vectorBody)); got != vectorHeader {
		t.Errorf("signed %s, want %s", got, vectorHeader)
	}
	signed, err := s.Verify([]string{vectorHeader}, []byte(vectorBody), vectorTime.Add(time.Second))
	if err != nil || !signed.Equal(vectorTime) {
		t.Errorf("signed at %v, %v", signed, err)
	}
	if http.CanonicalHeaderKey("X-DIXA-SIGNATURE") != dixa.SignatureHeader {
		t.Error("the header is not found by its name")
	}
}

func TestOnlyTheExactFormOfASignatureIsAccepted(t *testing.T) {
	s := secrets(t, vectorSecret)
	// signed is a header with the right digest of the body at a time in any spelling.
	signed := func(stamp string) string {
		return "t=" + stamp + ",v1=" + digestOf(s[0], stamp, vectorBody)
	}
	for _, row := range []struct {
		name    string
		headers []string
	}{
		{"none", nil},
		{"an empty one", []string{""}},
		{"two", []string{vectorHeader, vectorHeader}},
		{"one and an empty one", []string{vectorHeader, ""}},
		{"two in one", []string{vectorHeader + "," + vectorHeader}},
		{"two in one, as a proxy joins them", []string{vectorHeader + ", " + vectorHeader}},
		{"the time twice", []string{"t=1700000000000," + vectorHeader}},
		{"the digest twice", []string{vectorHeader + ",v1=" + vectorDigest}},
		{"another pair", []string{vectorHeader + ",v0=" + vectorDigest}},
		{"another pair before", []string{"v0=1," + vectorHeader}},
		{"the other order", []string{"v1=" + vectorDigest + ",t=1700000000000"}},
		{"no time", []string{"v1=" + vectorDigest}},
		{"no digest", []string{"t=1700000000000"}},
		{"an empty time", []string{signed("")}},
		{"an empty digest", []string{"t=1700000000000,v1="}},
		{"the digest alone", []string{vectorDigest}},
		{"another version", []string{strings.Replace(vectorHeader, "v1", "v2", 1)}},
		{"a name in upper case", []string{strings.Replace(vectorHeader, "t=", "T=", 1)}},
		{"a version in upper case", []string{strings.Replace(vectorHeader, "v1", "V1", 1)}},
		{"a digest in upper case", []string{"t=1700000000000,v1=" + strings.ToUpper(vectorDigest)}},
		{"one capital", []string{strings.Replace(vectorHeader, "d0", "D0", 1)}},
		{"a digit short", []string{vectorHeader[:len(vectorHeader)-1]}},
		{"two digits short", []string{vectorHeader[:len(vectorHeader)-2]}},
		{"two digits more", []string{vectorHeader + "00"}},
		{"not hex", []string{strings.Replace(vectorHeader, "b4", "g4", 1)}},
		{"a space before", []string{" " + vectorHeader}},
		{"a space behind", []string{vectorHeader + " "}},
		{"a space between", []string{strings.Replace(vectorHeader, ",", ", ", 1)}},
		{"a line end", []string{vectorHeader + "\n"}},
		{"a NUL", []string{vectorHeader + "\x00"}},
		{"a semicolon", []string{strings.Replace(vectorHeader, ",", ";", 1)}},
		{"quotes", []string{`"` + vectorHeader + `"`}},
		{"a time with a sign", []string{signed("+1700000000000")}},
		{"a negative time", []string{signed("-1700000000000")}},
		{"a time in hex", []string{signed("0x18bcfe56800")}},
		{"a time with an exponent", []string{signed("17e11")}},
		{"a time with a fraction", []string{signed("1700000000000.0")}},
		{"a time with underscores", []string{signed("1_700_000_000_000")}},
		{"a time with a space", []string{signed(" 1700000000000")}},
		{"a time in other digits", []string{signed("١٧٠٠")}},
		{"a time no clock will reach", []string{signed("9223372036854775807")}},
		{"a time past all numbers", []string{signed("9223372036854775808")}},
		{"a time that wraps around to now", []string{signed("18446745773709551616")}},
		{"a time without end", []string{signed(strings.Repeat("9", 100_000))}},
	} {
		if signed, err := s.Verify(row.headers, []byte(vectorBody), vectorTime); !errors.Is(err, dixa.ErrSignature) || !signed.IsZero() {
			t.Errorf("%s: signed at %v, %v", row.name, signed, err)
		}
	}
	for _, stamp := range []string{"0", "1", "1700000000000", "01700000000000"} {
		if _, err := s.Verify([]string{signed(stamp)}, []byte(vectorBody), vectorTime); err != nil {
			t.Errorf("at %s: %v", stamp, err)
		}
	}
}

func TestATimeOfMoreThanFiveMinutesAheadIsRefusedAndAnOldOneIsTold(t *testing.T) {
	s := secrets(t, vectorSecret)
	for _, row := range []struct {
		ahead time.Duration
		ok    bool
	}{
		{0, true}, {time.Minute, true}, {5 * time.Minute, true}, {5*time.Minute + time.Millisecond, false}, {6 * time.Minute, false},
		{24 * time.Hour, false}, {200 * 365 * 24 * time.Hour, false}, {-5 * time.Minute, true}, {-time.Hour, true}, {-50 * 365 * 24 * time.Hour, true},
	} {
		at := vectorTime.Add(row.ahead)
		signed, err := s.Verify([]string{dixa.Sign(s[0], at, []byte(vectorBody))}, []byte(vectorBody), vectorTime)
		if row.ok != (err == nil) || row.ok && !signed.Equal(at) || !row.ok && !errors.Is(err, dixa.ErrSignature) {
			t.Errorf("%v ahead: signed at %v, %v", row.ahead, signed, err)
		}
	}
}

func TestAnyOfTheSecretsMayHaveSigned(t *testing.T) {
	old, current, stranger := strings.Repeat("01", 32), strings.Repeat("02", 32), strings.Repeat("03", 32)
	accepts := func(s dixa.Secrets, secret []byte) bool {
		body := []byte(vectorBody)
		_, err := s.Verify([]string{dixa.Sign(secret, vectorTime, body)}, body, vectorTime)
		return err == nil
	}
	for _, text := range []string{old + "," + current, current + "," + old} {
		both := secrets(t, text)
		for _, secret := range secrets(t, old+","+current) {
			if !accepts(both, secret) {
				t.Error("one of the secrets is not accepted")
			}
		}
		if accepts(both, secrets(t, stranger)[0]) {
			t.Error("a stranger's secret is accepted")
		}
	}
	for _, none := range []dixa.Secrets{nil, {}, {nil}, {{}}} {
		if accepts(none, nil) || accepts(none, secrets(t, old)[0]) {
			t.Errorf("without a secret a signature is accepted")
		}
	}
}

func TestSecretsAreReadAsDixaShowsThem(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string // in hex; nothing where it is malformed
	}{
		{"", []string{}}, {"  \n", []string{}}, {"00ff", []string{"00ff"}}, {"00FFaB", []string{"00ffab"}}, {" 00ff\n", []string{"00ff"}},
		{"00ff,01", []string{"00ff", "01"}}, {" 00ff , 01 ,02", []string{"00ff", "01", "02"}}, {"00ff,00ff", []string{"00ff", "00ff"}},
		{",", nil}, {"00ff,", nil}, {",00ff", nil}, {"00ff,,01", nil}, {"00ff, ,01", nil}, {"00f", nil}, {"0x00", nil}, {"00 ff", nil}, {"00ff;01", nil},
		{"00fg", nil}, {"s3cret", nil}, {"00ff,s3cret", nil}, {"\x00\x01", nil}, {"“00ff”", nil},
	} {
		got, err := dixa.ParseSecrets(row.text)
		if (err != nil) != (row.want == nil) || len(got) != len(row.want) {
			t.Errorf("%q has %d secrets, %v", row.text, len(got), err)
			continue
		}
		for i, secret := range got {
			if hex.EncodeToString(secret) != row.want[i] {
				t.Errorf("%q: secret %d is %x", row.text, i, []byte(secret))
			}
		}
	}
	_, err := dixa.ParseSecrets("00ff,s3cret")
	if want := "dixa: reading webhook secrets: number 2 is not pairs of hex digits"; fmt.Sprint(err) != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

func TestSecretsAndCredentialsOfWebhooksAreNotPrinted(t *testing.T) {
	s := secrets(t, "7365637265742121")
	webhook := dixa.Webhook{ID: "w1", URL: "https://example.com/hook/", Secret: "7365637265742121"}
	cfg := dixa.WebhookConfig{Name: "example", URL: webhook.URL, Authorization: dixa.Authorization{Username: "secret!!", Password: "secret!!", Token: "secret!!"}}
	var out bytes.Buffer
	for _, v := range []any{
		s, &s, webhook, &webhook, cfg, &cfg, cfg.Authorization, &cfg.Authorization,
		[]dixa.Webhook{webhook}, []dixa.WebhookConfig{cfg}, struct{ S dixa.Secrets }{s}, struct{ W dixa.Webhook }{webhook}, struct{ C dixa.WebhookConfig }{cfg},
	} {
		fmt.Fprintf(&out, "%v %+v %s\n", v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("about", "it", v)
	}
	for _, v := range []any{s, webhook, cfg, cfg.Authorization, []dixa.Webhook{webhook}, []dixa.WebhookConfig{cfg}} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("about", "it", v)
	}
	for _, v := range []any{webhook, cfg} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Verify([]string{vectorHeader}, []byte(vectorBody), vectorTime)
	fmt.Fprintln(&out, err)
	for _, spelling := range []string{"7365637265742121", "secret!!", "115 101 99", "c2VjcmV0ISE", vectorDigest[:8], "event_id"} {
		if strings.Contains(out.String(), spelling) {
			t.Errorf("%q was printed: %s", spelling, &out)
		}
	}
}

func TestOfAMillionChangedWebhooksNoneIsAccepted(t *testing.T) {
	s := secrets(t, vectorSecret+","+strings.Repeat("5a", 32))
	const body, seed = vectorBody, 20251006
	rng := rand.New(rand.NewPCG(seed, 1))
	n := 1_000_000
	if raced {
		n /= 20
	}
	changes := []func(b []byte) []byte{
		func(b []byte) []byte { // a bit flipped
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			return b
		},
		func(b []byte) []byte { // any byte in place of one
			b[rng.IntN(len(b))] = byte(rng.Uint32())
			return b
		},
		func(b []byte) []byte { // a byte that occurs in it put in
			return slices.Insert(b, rng.IntN(len(b)+1), b[rng.IntN(len(b))])
		},
		func(b []byte) []byte { // space put in
			return slices.Insert(b, rng.IntN(len(b)+1), " \t\r\n\x00,=+-0"[rng.IntN(10)])
		},
		func(b []byte) []byte { // some bytes removed
			i := rng.IntN(len(b))
			return slices.Delete(b, i, min(len(b), i+1+rng.IntN(3)))
		},
		func(b []byte) []byte { // two exchanged
			i, j := rng.IntN(len(b)), rng.IntN(len(b))
			b[i], b[j] = b[j], b[i]
			return b
		},
		func(b []byte) []byte { // the case of one changed, or of all
			if rng.IntN(8) == 0 {
				return bytes.ToUpper(b)
			}
			i := rng.IntN(len(b))
			if 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' {
				b[i] ^= 0x20
			}
			return b
		},
		func(b []byte) []byte { return b[:rng.IntN(len(b))] }, // the end lost
		func(b []byte) []byte { return append(b, b...) },
	}
	change := func(text string) string {
		if text == "" {
			return "t"
		}
		return string(changes[rng.IntN(len(changes))]([]byte(text)))
	}
	refused := 0
	for range n {
		header, sent := vectorHeader, body
		switch rng.IntN(4) {
		case 0:
			header = change(header)
		case 1:
			sent = change(sent)
		case 2: // the time alone
			header = "t=" + strconv.FormatInt(vectorTime.UnixMilli()+rng.Int64N(1000)-500, 10) + ",v1=" + vectorDigest
		case 3:
			header, sent = change(change(header)), change(sent)
		}
		_, err := s.Verify([]string{header}, []byte(sent), vectorTime)
		if same := header == vectorHeader && sent == body; same != (err == nil) {
			t.Fatalf("%q over %q: %v", header, sent, err)
		}
		if err != nil {
			refused++
		}
	}
	if refused < n*9/10 {
		t.Errorf("only %d of %d differed", refused, n)
	}
}
