package dixa

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// What became of a request that did not succeed. Trouble of these kinds may pass, and asking again is harmless, but for
// [Client.CreateWebhook].
var (
	// ErrUnavailable: no answer, or one that says that the service has trouble (408, 5xx, a page that is not JSON).
	ErrUnavailable = errors.New("the service is not available")
	// ErrBroken: an answer began and did not end: cut, no byte for too long, or more than is read of one. A shorter
	// window may fare better.
	ErrBroken = errors.New("the answer broke off")
	// ErrThrottled: 429, or 503 with the time to come back. [Error.RetryAfter] says how long to wait, where Dixa does.
	ErrThrottled = errors.New("the limit of requests is reached")
)

// What asking again does not mend.
var (
	// ErrUnauthorized: 401 or 403, the token is not accepted.
	ErrUnauthorized = errors.New("the credentials are refused")
	// ErrNotFound: 404, there is no such thing.
	ErrNotFound = errors.New("it does not exist")
	// ErrRedirected: the address answers with a redirect, which is not followed.
	ErrRedirected = errors.New("the address redirects elsewhere")
)

// An Error is a reply with a status that is no success. It unwraps to one of the errors above where one fits.
type Error struct {
	Status int
	// Message is what the reply says, shortened; never a credential, which a server might echo. Of a 2xx, which may be about
	// customers, it is the form alone.
	Message string
	// RetryAfter is how long Dixa asks to wait; 0 where it does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

func (e *Error) Unwrap() error {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return ErrUnauthorized
	case e.Status == http.StatusNotFound:
		return ErrNotFound
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable && e.RetryAfter > 0:
		return ErrThrottled
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		return ErrUnavailable
	case e.Status >= 300 && e.Status < 400:
		return ErrRedirected
	}
	return nil
}

// maxQuoted is the most of a reply that an error looks at for something to quote: enough for any token to be in it whole
// and to be found.
const maxQuoted = 4096

// refusal turns a reply that is no success into an Error. Dixa documents no error bodies for exports, so any will do.
func (c *Client) refusal(r request, resp *http.Response, body io.Reader) error {
	text, _ := io.ReadAll(io.LimitReader(body, maxQuoted))
	message := c.excerpt
	if resp.StatusCode/100 == 2 {
		message = c.form
	}
	e := &Error{Status: resp.StatusCode, Message: message(r, text), RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	if e.Unwrap() == ErrRedirected {
		if to, err := resp.Location(); err == nil {
			e.Message = "to " + to.Host
		}
	}
	return e
}

// retryAfter reads the header of that name, in seconds or as a date.
// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(math.MaxInt64/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

// excerpt returns the message of an error body, or the beginning of whatever it is, in one line.
func (c *Client) excerpt(r request, body []byte) string {
	var said struct{ Message string }
	switch err := json.Unmarshal(body, &said); {
	case err == nil && said.Message != "":
		return c.line(said.Message, r.secrets...)
	case r.private && len(body) > 0:
		return c.form(r, body)
	}
	return c.line(string(body))
}

// line shortens a text to one line, without the token and other secrets that a server might echo.
func (c *Client) line(text string, secrets ...string) string {
	for _, secret := range append(secrets, c.token) {
		if secret == "" {
			continue
		}
		// It may be in a JSON text that the text holds, with escapes for the sake of HTML or without.
		escaped, _ := json.Marshal(secret)
		quoted, _ := jsontext.AppendQuote(nil, secret)
		text = strings.NewReplacer(secret, "***", string(escaped[1:len(escaped)-1]), "***", string(quoted[1:len(quoted)-1]), "***").Replace(text)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// form says what a reply is that is not what was asked for, as far as it was read. Only a page is quoted, in which a
// proxy speaks in Dixa's place: anything else may be about customers.
func (c *Client) form(r request, body []byte) string {
	if !r.private && bytes.HasPrefix(bytes.TrimLeft(body, "\ufeff \t\r\n"), []byte("<")) {
		return c.line(string(body))
	}
	kind := "text"
	switch jsontext.Value(body).Kind() {
	case '{':
		kind = "a JSON object"
	case '[':
		kind = "a JSON array"
	}
	if kind != "text" && !json.Valid(body) {
		kind = "the beginning of " + kind
	}
	return fmt.Sprintf("%s, %d bytes", kind, len(body))
}

// unreachable says of an error without a reply whether it may pass.
func unreachable(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address, which says nothing new
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case ctx.Err() != nil, untrusted:
		return err
	case errors.Is(err, errStalled):
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// broken says of an error in the middle of a reply that it broke off, unless the caller ended it.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, errStalled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}
