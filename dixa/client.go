// Package dixa reads a Dixa organisation: the Exports API, which gives conversations and messages as one JSON array a
// request, and of the Dixa API the activity log, which comes in pages, and the few calls that go with them. It also
// subscribes to Dixa's webhooks, verifies them and reads the events in them.
//
// Every method makes one request and does not try again: when to ask, and how often, is the caller's to decide. The
// errors tell what the caller needs for that: see [ErrUnavailable], [ErrBroken], [ErrThrottled] and [Error].
package dixa

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"
)

// Where Dixa answers. https://docs.dixa.io/openapi/exports-api, https://docs.dixa.io/openapi/dixa-api
const (
	DefaultExportsURL = "https://exports.dixa.io/v1"
	DefaultAPIURL     = "https://dev.dixa.io/v1"
)

// Config says how to reach Dixa. Only Token is needed.
type Config struct {
	// Token is an API token that an administrator of the organisation made. It serves both APIs.
	Token string
	// ExportsURL and APIURL are the base URLs, with or without a slash at the end: Dixa's own when empty.
	ExportsURL, APIURL string
	// Answer is how long a reply may take to begin, Idle how long it may pause once it has begun; 2 minutes and
	// 30 seconds when zero. How long a whole reply takes does not matter: an export may be a gigabyte.
	Answer, Idle time.Duration
	// UserAgent names the program to Dixa.
	UserAgent string
	// HTTP makes the requests; a client of its own when nil. Redirects are never followed, whatever it says.
	HTTP *http.Client
	// Log gets a line for each request at debug level; nothing is logged when nil. Never a token, never a body.
	Log *slog.Logger
}

// LogValue keeps the token out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("exports", c.ExportsURL), slog.String("api", c.APIURL))
}

// String keeps the token out of messages.
func (c Config) String() string { return "dixa at " + c.ExportsURL + " and " + c.APIURL }

// A Client talks to one Dixa organisation. It may be used by several goroutines.
type Client struct {
	exports, api *resty.Client
	token        string
	answer, idle time.Duration
	log          *slog.Logger
}

// String keeps the token out of messages.
func (c *Client) String() string {
	return Config{ExportsURL: c.exports.BaseURL, APIURL: c.api.BaseURL}.String()
}

// New returns a client; it makes no request.
func New(cfg Config) *Client {
	c := &Client{
		token:  cfg.Token,
		answer: cmp.Or(cfg.Answer, 2*time.Minute),
		idle:   cmp.Or(cfg.Idle, 30*time.Second),
		log:    cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
	}
	// The Exports API takes the token as a bearer, the Dixa API takes it bare.
	// https://docs.dixa.io/openapi/exports-api, https://docs.dixa.io/openapi/dixa-api
	c.exports = cfg.client(cmp.Or(cfg.ExportsURL, DefaultExportsURL), "Bearer "+cfg.Token)
	c.api = cfg.client(cmp.Or(cfg.APIURL, DefaultAPIURL), cfg.Token)
	return c
}

func (c Config) client(baseURL, authorization string) *resty.Client {
	hc := http.Client{Transport: http.DefaultTransport}
	if c.HTTP != nil {
		hc = *c.HTTP
	}
	return resty.NewWithClient(&hc).
		SetBaseURL(baseURL).
		SetHeader("Authorization", authorization).
		SetHeader("Accept", "application/json").
		SetHeader("User-Agent", cmp.Or(c.UserAgent, "dixa2plecto")).
		// Over a connection that was used before, net/http by itself repeats a request that got no answer, and the
		// limits are too low for requests that nobody counts.
		SetCloseConnection(true).
		// A redirect would take the token to wherever it points.
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })).
		SetDoNotParseResponse(true).
		SetLogger(discard{})
}

// A request is one to either of the APIs.
type request struct {
	method string // GET when empty
	what   string // what is asked for or changed, in errors
	path   string
	query  map[string]string
	body   any // sent as JSON, unless it is nil
	// private: what is sent or comes back holds secrets. Of the reply an error tells the message alone, if it has one, and
	// none of secrets in it.
	private bool
	secrets []string
}

// doing says what a request is for, in errors.
func (r request) doing() string {
	switch r.method {
	case http.MethodPost:
		return "creating"
	case http.MethodPatch:
		return "changing"
	case http.MethodDelete:
		return "deleting"
	}
	return "asking for"
}

// do makes one request and returns the body of the reply when the status is 200, or for anything but a GET another
// success. The watch is running; the caller stops it, which also closes the body.
func (c *Client) do(ctx context.Context, client *resty.Client, r request) (*watch, error) {
	method := cmp.Or(r.method, http.MethodGet)
	w := newWatch(ctx, c.answer)
	began := time.Now()
	resp, err := client.R().SetContext(w.ctx).SetQueryParams(r.query).SetBody(r.body).Execute(method, r.path)
	if err != nil {
		err = w.cause(err)
		w.stop()
		c.log.DebugContext(ctx, "dixa", "request", method+" "+r.path, "took", time.Since(began), "error", err)
		return nil, fmt.Errorf("dixa: %s %s: %w", r.doing(), r.what, unreachable(ctx, err))
	}
	c.log.DebugContext(ctx, "dixa", "request", method+" "+r.path, "status", resp.StatusCode(), "took", time.Since(began))
	w.timer.Stop()
	w.body, w.idle, w.timer = resp.RawBody(), c.idle, w.after(c.idle)
	if ok := method != http.MethodGet && resp.StatusCode()/100 == 2; !ok && resp.StatusCode() != http.StatusOK {
		defer w.stop()
		return nil, fmt.Errorf("dixa: %s %s: %w", r.doing(), r.what, c.refusal(r, resp.RawResponse, w))
	}
	return w, nil
}

// maxReply is the most that a call of the Dixa API may answer: more is as good as an answer that breaks off.
const maxReply = 16 << 20

// call makes one request to the Dixa API and decodes its reply. Where reply is nil, an empty one or any JSON will do.
func (c *Client) call(ctx context.Context, r request, reply any) error {
	w, err := c.do(ctx, c.api, r)
	if err != nil {
		return err
	}
	defer w.stop()
	body, err := io.ReadAll(io.LimitReader(w, maxReply+1))
	if err != nil {
		return fmt.Errorf("dixa: reading %s: %w", r.what, err)
	}
	if len(body) > maxReply {
		return fmt.Errorf("dixa: reading %s: %w: it is longer than %d MiB", r.what, ErrBroken, maxReply>>20)
	}
	if reply == nil {
		if len(body) == 0 {
			return nil
		}
		reply = new(json.RawMessage)
	}
	if err := json.Unmarshal(body, reply); err != nil {
		return fmt.Errorf("dixa: reading %s: %w: not what was asked for, but %s", r.what, ErrUnavailable, c.form(r, body))
	}
	return nil
}

// A watch is a reply that may not pause for longer than its limit.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // ends the wait for the reply, then that for its next bytes
	idle   time.Duration
	body   io.ReadCloser
}

var errStalled = errors.New("nothing came")

func newWatch(ctx context.Context, answer time.Duration) *watch {
	w := &watch{}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = w.after(answer)
	return w
}

func (w *watch) after(limit time.Duration) *time.Timer {
	return time.AfterFunc(limit, func() { w.cancel(fmt.Errorf("%w for %s", errStalled, limit)) })
}

func (w *watch) Read(p []byte) (int, error) {
	w.timer.Reset(w.idle)
	n, err := w.body.Read(p)
	w.timer.Stop() // the reader may take its time
	if err != nil && err != io.EOF {
		err = broken(w.ctx, w.cause(err))
	}
	return n, err
}

// cause names what ended the request, where it was this program.
func (w *watch) cause(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return err
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
	if w.body != nil {
		w.body.Close()
	}
}

// discard is resty's logger: its words would go to standard error, and the client returns every error.
type discard struct{}

func (discard) Errorf(string, ...any) {}
func (discard) Warnf(string, ...any)  {}
func (discard) Debugf(string, ...any) {}
