package plecto

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// What became of a request that did not succeed. Trouble of these kinds may pass; asking again is harmless, since a
// registration with the same external id overwrites the first.
var (
	// ErrUnavailable: no answer, or one that says that the service has trouble (408, 5xx, a page that is not JSON).
	ErrUnavailable = errors.New("the service is not available")
	// ErrThrottled: 429, or 503 with the time to come back. [Error.RetryAfter] says how long to wait, where Plecto does.
	ErrThrottled = errors.New("the limit of requests is reached")
)

// What asking again does not mend.
var (
	// ErrUnauthorized: 401 or 403, the login is not accepted or may not do this.
	ErrUnauthorized = errors.New("the credentials are refused")
	// ErrRefused: what was sent is not accepted (400, 409, 413, 422). One bad row may be the cause for all.
	ErrRefused = errors.New("refused")
	// ErrNotFound: 404.
	ErrNotFound = errors.New("not found")
	// ErrUnreadable: a success whose reply is JSON, but no list.
	ErrUnreadable = errors.New("the reply is not what was asked for")
	// ErrRedirected: the address answers with a redirect, which is not followed.
	ErrRedirected = errors.New("the address redirects elsewhere")
)

// An Error is a reply with a status that is not a 2xx. It unwraps to one of the errors above where one fits.
type Error struct {
	Status int
	// Message is what the reply says, in one line and shortened; never the login, which a server might echo.
	Message string
	// RetryAfter is how long Plecto asks to wait; 0 where it does not say.
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
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable && e.RetryAfter > 0:
		return ErrThrottled
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		return ErrUnavailable
	case e.Status == http.StatusNotFound:
		return ErrNotFound
	case e.Status == http.StatusBadRequest, e.Status == http.StatusConflict,
		e.Status == http.StatusRequestEntityTooLarge, e.Status == http.StatusUnprocessableEntity:
		return ErrRefused
	case e.Status >= 300 && e.Status < 400:
		return ErrRedirected
	}
	return nil
}

func (c *Client) refusal(resp *http.Response, body []byte) error {
	e := &Error{Status: resp.StatusCode, Message: c.words(body), RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	if e.Unwrap() == ErrRedirected {
		if to, err := resp.Location(); err == nil {
			e.Message = "to " + to.Host + to.Path
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

// words returns what an error body says, in one line. Plecto documents none: it may be {"detail": …}, an object of
// messages by field, a list of such objects, or anything else.
func (c *Client) words(body []byte) string {
	var reply any
	text := string(body)
	if json.Unmarshal(body, &reply) == nil {
		text = strings.Join(said(nil, "", reply), "; ")
	}
	for _, secret := range c.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// form says what a success is that cannot be read. It is not quoted: it may be about customers.
func form(body []byte) string {
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

// maxSaid is how many messages of an error body are looked at: more than an error has room for.
const maxSaid = 100

// said collects the messages of an error body, each behind the field it is about.
func said(all []string, about string, reply any) []string {
	if len(all) == maxSaid {
		return all
	}
	switch v := reply.(type) {
	case []any:
		for _, e := range v {
			all = said(all, about, e)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := name
			if name == "detail" || name == "non_field_errors" || name == "message" {
				inner = about
			}
			all = said(all, inner, v[name])
		}
	case nil:
	default:
		text := fmt.Sprint(v)
		if about != "" {
			text = about + ": " + text
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// unreachable says of an error without a whole reply whether it may pass.
func unreachable(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address, which says nothing new
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	if ctx.Err() != nil || untrusted {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
