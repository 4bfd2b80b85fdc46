// Package plecto writes to Plecto's API v2, or to an endpoint that is compatible with it, and reads back: registrations,
// and what is needed around them of data sources and members. Few of the shapes it reads are documented, so they are
// taken as they come: what is not understood is left out.
//
// Every method makes one request and does not try again: when to ask, and how often, is the caller's to decide. The
// errors tell what the caller needs for that: see [ErrRefused], [ErrUnavailable], [ErrThrottled] and [Error].
package plecto

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-resty/resty/v2"
)

// DefaultURL is Plecto's own address.
// https://docs.plecto.com/kb/guide/en/how-to-send-data-to-plectos-api-8jyWZ97bO9/Steps/2186713
const DefaultURL = "https://app.plecto.com/api/v2"

// Config says how to reach Plecto. Only Email and Password are needed.
type Config struct {
	// Email and Password are the login of a Plecto employee, best one made for this program alone.
	Email, Password string
	// URL is the base URL, with or without a slash at the end: DefaultURL when empty.
	URL string
	// Answer is how long a whole reply may take; 30 seconds when zero.
	Answer time.Duration
	// UserAgent names the program to Plecto.
	UserAgent string
	// HTTP makes the requests; a client of its own when nil. Redirects are never followed, whatever it says.
	HTTP *http.Client
	// Log gets a line for each request at debug level; nothing is logged when nil. Never credentials, never a body.
	Log *slog.Logger
}

// LogValue keeps the credentials out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String keeps the credentials out of messages.
func (c Config) String() string { return "plecto at " + c.URL }

// A Client talks to one Plecto organisation. It may be used by several goroutines.
type Client struct {
	http    *resty.Client
	answer  time.Duration
	email   string
	secrets []string
	log     *slog.Logger
}

// String keeps the credentials out of messages.
func (c *Client) String() string { return Config{URL: c.http.BaseURL}.String() }

// Account tells the account behind the client from others, by address and e-mail, and gives away neither: 16 hex digits
// that are the same for the same account and salt.
func (c *Client) Account(salt string) string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(strings.Join([]string{salt, c.http.BaseURL, strings.ToLower(c.email)}, "\x00")))
}

// New returns a client; it makes no request.
func New(cfg Config) *Client {
	hc := http.Client{Transport: http.DefaultTransport}
	if cfg.HTTP != nil {
		hc = *cfg.HTTP
	}
	agent := cmp.Or(cfg.UserAgent, "dixa2plecto")
	c := &Client{
		answer:  cmp.Or(cfg.Answer, 30*time.Second),
		email:   cfg.Email,
		secrets: []string{base64.StdEncoding.EncodeToString([]byte(cfg.Email + ":" + cfg.Password)), cfg.Password, cfg.Email},
		log:     cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
	}
	c.http = resty.NewWithClient(&hc).
		SetBaseURL(cmp.Or(cfg.URL, DefaultURL)).
		SetDisableWarn(true). // of Basic over http, which only loopback may use
		SetBasicAuth(cfg.Email, cfg.Password).
		SetHeader("Accept", "application/json").
		SetHeader("User-Agent", agent).
		SetHeader("X-Integration", agent).
		// A redirect would take the password to wherever it points.
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetDoNotParseResponse(true).
		SetLogger(discard{})
	return c
}

// maxReply is the most of a reply that is read; one with a page of a list in it must end before.
const maxReply = 16 << 20

// send makes one request and returns the body of its reply when the status is a 2xx. Paths end in a slash: without it
// the endpoint may answer with a redirect.
func (c *Client) send(ctx context.Context, what, method, path string, query map[string]string, body []byte) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, c.answer)
	defer cancel()
	began := time.Now()
	req := c.http.R().SetContext(bounded).SetQueryParams(query)
	if body != nil {
		req.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	resp, err := req.Execute(method, path)
	if err != nil {
		c.log.DebugContext(ctx, "plecto", "request", method+" "+path, "took", time.Since(began), "error", err)
		return nil, fmt.Errorf("plecto: %s: %w", what, unreachable(ctx, err))
	}
	defer resp.RawBody().Close()
	c.log.DebugContext(ctx, "plecto", "request", method+" "+path, "status", resp.StatusCode(), "took", time.Since(began))
	reply, err := io.ReadAll(io.LimitReader(resp.RawBody(), maxReply+1))
	if !resp.IsSuccess() {
		return nil, fmt.Errorf("plecto: %s: %w", what, c.refusal(resp.RawResponse, reply))
	}
	if err != nil {
		return nil, fmt.Errorf("plecto: %s: %w", what, unreachable(ctx, err))
	}
	if method == http.MethodGet && len(reply) > maxReply {
		return nil, fmt.Errorf("plecto: %s: the reply is longer than %d MiB", what, maxReply>>20)
	}
	if page := bytes.TrimLeft(reply, "\ufeff \t\r\n"); bytes.HasPrefix(page, []byte("<")) {
		// A proxy or a login page speaks in Plecto's place.
		return nil, fmt.Errorf("plecto: %s: %w: not JSON, but %s", what, ErrUnavailable, c.words(reply))
	}
	return reply, nil
}

// discard is resty's logger: its words would go to standard error, and the client returns every error.
type discard struct{}

func (discard) Errorf(string, ...any) {}
func (discard) Warnf(string, ...any)  {}
func (discard) Debugf(string, ...any) {}
