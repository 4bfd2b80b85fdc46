package dixa_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// kinds returns which of the package's errors an error is.
func kinds(err error) (all []error) {
	for _, kind := range []error{dixa.ErrUnavailable, dixa.ErrBroken, dixa.ErrThrottled, dixa.ErrUnauthorized, dixa.ErrNotFound, dixa.ErrRedirected} {
		if errors.Is(err, kind) {
			all = append(all, kind)
		}
	}
	return all
}

func TestEachStatusIsOneKindOfError(t *testing.T) {
	for _, row := range []struct {
		status     int
		retryAfter int // seconds, 0 for none
		want       []error
	}{
		{204, 7, nil},
		{301, 7, []error{dixa.ErrRedirected}},
		{302, 7, []error{dixa.ErrRedirected}},
		{307, 7, []error{dixa.ErrRedirected}},
		{308, 7, []error{dixa.ErrRedirected}},
		{400, 7, nil},
		{401, 7, []error{dixa.ErrUnauthorized}},
		{403, 7, []error{dixa.ErrUnauthorized}},
		{404, 7, []error{dixa.ErrNotFound}},
		{408, 7, []error{dixa.ErrUnavailable}},
		{422, 7, nil},
		{429, 7, []error{dixa.ErrThrottled}},
		{500, 7, []error{dixa.ErrUnavailable}},
		{502, 7, []error{dixa.ErrUnavailable}},
		{503, 0, []error{dixa.ErrUnavailable}},
		{503, 7, []error{dixa.ErrThrottled}},
		{504, 7, []error{dixa.ErrUnavailable}},
	} {
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			if row.retryAfter > 0 {
				w.Header().Set("Retry-After", fmt.Sprint(row.retryAfter))
			}
			w.WriteHeader(row.status)
			io.WriteString(w, `{"message":"so it is"}`)
		}))
		_, exported := messages(t, c)
		_, called := c.Organization(t.Context())
		for _, err := range []error{exported, called} {
			e, ok := errors.AsType[*dixa.Error](err)
			if !ok || e.Status != row.status || e.RetryAfter != time.Duration(row.retryAfter)*time.Second || !slices.Equal(kinds(err), row.want) {
				t.Errorf("%d gives %v, which is %v, want %v", row.status, err, kinds(err), row.want)
			}
			if row.status >= 400 && (ok && e.Message != "so it is" || !strings.Contains(err.Error(), fmt.Sprint(row.status))) {
				t.Errorf("%d gives %q", row.status, err)
			}
		}
	}
}

func TestAnyErrorBodyGivesOneShortLine(t *testing.T) {
	for _, row := range []struct{ body, want string }{
		{"", "dixa: asking for messages: 422 Unprocessable Entity"},
		{`{"message":"Too wide"}`, "dixa: asking for messages: 422 Unprocessable Entity: Too wide"},
		{`{"error":1}`, `dixa: asking for messages: 422 Unprocessable Entity: {"error":1}`},
		{"<h1>\n\tNo\x1b[0m\r\n</h1>", "dixa: asking for messages: 422 Unprocessable Entity: <h1> No [0m </h1>"},
		{"caf\xe9", "dixa: asking for messages: 422 Unprocessable Entity: caf?"},
		{strings.Repeat("å", 1<<20), "dixa: asking for messages: 422 Unprocessable Entity: " + strings.Repeat("å", 200) + "…"},
	} {
		_, err := messages(t, client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, row.body)
		})))
		if fmt.Sprint(err) != row.want {
			t.Errorf("the error is %q, want %q", err, row.want)
		}
	}
}

func TestASuccessThatCannotBeReadIsNotQuoted(t *testing.T) {
	const customer = "kunde@example.com"
	for _, row := range []struct {
		status           int
		body             string
		exported, called string // how the error ends
	}{
		{200, `{"message":"` + customer + `"}`, "not a JSON array, but a JSON object, 31 bytes", "a page without data"},
		{200, `{"data":{"email":"` + customer + `"}}`, "but a JSON object, 38 bytes", "but a JSON object, 38 bytes"},
		{200, `{"data":[{"email":"` + customer, "but the beginning of a JSON object, 36 bytes", "but the beginning of a JSON object, 36 bytes"},
		{200, `{"text":"` + strings.Repeat(customer, 1000) + `"}`, "but the beginning of a JSON object, 4096 bytes", "a page without data"},
		{200, `[{"` + customer + `":"` + customer + `"},"` + customer + `" 1]`, " after 63 bytes", "but the beginning of a JSON array, 65 bytes"},
		{200, `[{"` + customer + `":{"` + customer + `"}}]`, " after 42 bytes", "but the beginning of a JSON array, 45 bytes"},
		{200, customer, "but text, 17 bytes", "but text, 17 bytes"},
		{206, `[{"email":"` + customer + `"}]`, "206 Partial Content: a JSON array, 31 bytes", "206 Partial Content: a JSON array, 31 bytes"},
	} {
		var out bytes.Buffer
		cfg := config(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(row.status)
			io.WriteString(w, row.body)
		}))
		cfg.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := dixa.New(cfg)
		_, exported := messages(t, c)
		_, _, agents := c.Agents(t.Context(), "")
		_, _, activities := c.Activities(t.Context(), day, "")
		for _, got := range []struct {
			err  error
			ends string
		}{{exported, row.exported}, {agents, row.called}, {activities, row.called}} {
			if text := fmt.Sprint(got.err); !strings.HasSuffix(text, got.ends) || strings.Contains(text, "kunde") {
				t.Errorf("%d %.50s: the error is %q, want %q", row.status, row.body, text, got.ends)
			}
		}
		if strings.Contains(out.String(), "kunde") {
			t.Errorf("%d %.50s: the log is %s", row.status, row.body, &out)
		}
	}
}

func TestNoAnswerMeansThatTheServiceIsNotAvailable(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	dropped := config(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	reset := config(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}))
	for name, cfg := range map[string]dixa.Config{
		"refused": {Token: token, ExportsURL: closed.URL},
		"dropped": dropped,
		"reset":   reset,
	} {
		if _, err := messages(t, dixa.New(cfg)); !slices.Equal(kinds(err), []error{dixa.ErrUnavailable}) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestAnUntrustedServerGetsNoTokenAndIsNotAskedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := messages(t, dixa.New(dixa.Config{Token: token, ExportsURL: server.URL}))
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || kinds(err) != nil {
		t.Errorf("the error is %v, which is %v", err, kinds(err))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(trap.Close)
	s := new(dixatest.Server)
	s.Fault(dixatest.Redirect(trap.URL + "/secret?a=b"))
	cfg := config(t, s)
	cfg.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	_, err := messages(t, dixa.New(cfg))
	if e, ok := errors.AsType[*dixa.Error](err); !ok || "http://"+strings.TrimPrefix(e.Message, "to ") != trap.URL || !errors.Is(err, dixa.ErrRedirected) {
		t.Errorf("the error is %v", err)
	}
	if cfg.HTTP.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's HTTP client was changed")
	}
}

func TestTheTokenIsInNoErrorAndNoLog(t *testing.T) {
	// As long as tokens may be, which is longer than what an error quotes.
	secret := strings.Repeat("s3cret", 100)
	for name, echo := range map[string]http.HandlerFunc{
		"page": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "<p>%s</p>", r.Header.Get("Authorization"))
		},
		"refusal": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"message":"no such token: %s"}`, r.Header.Get("Authorization"))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/login?"+r.Header.Get("Authorization"))
			w.WriteHeader(http.StatusFound)
		},
		"record": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `[{"id":"%s`, r.Header.Get("Authorization"))
		},
		"drop": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			cfg := config(t, echo)
			cfg.Token, cfg.Log = secret, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c := dixa.New(cfg)
			_, exported := messages(t, c)
			_, called := c.Organization(t.Context())
			if exported == nil || called == nil {
				t.Fatal("no error")
			}
			cfg.Log.Info("about", "config", cfg, "pointer", &cfg, "client", c)
			fmt.Fprintf(&out, "%v %+v %v %+v %v %+v %+v %+v", cfg, cfg, &cfg, &cfg, c, c, exported, called)
			if text := out.String(); strings.Contains(text, secret[:12]) || !strings.Contains(text, "/message_export") {
				t.Errorf("this was said: %s", text)
			}
		})
	}
}

func TestACallMakesOneRequestWhateverBecomesOfIt(t *testing.T) {
	drop := dixatest.Fault{Do: dixatest.Cut, Bytes: -1}
	for name, fault := range map[string]dixatest.Fault{
		"dropped":     drop,
		"cut":         {Do: dixatest.Cut, Bytes: 1},
		"unavailable": {Status: http.StatusServiceUnavailable},
		"throttled":   {Status: http.StatusTooManyRequests},
	} {
		s := new(dixatest.Server)
		c := client(t, s)
		// A first request leaves a connection open, over which net/http would by itself send the second again.
		if _, err := c.Organization(t.Context()); err != nil {
			t.Fatal(err)
		}
		fault.Request, fault.Count = 2, -1
		s.Fault(fault)
		if _, err := messages(t, c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := len(s.Requests()); n != 2 {
			t.Errorf("%s: %d requests, want 2", name, n)
		}
	}
}

func TestWhoeverCancelsIsToldSoAndNothingElse(t *testing.T) {
	enough := errors.New("enough")
	for _, bytes := range []int64{-1, 0, 1500} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		s := bulk(2)
		fault := dixatest.Fault{Do: dixatest.Stall, Bytes: bytes}
		if bytes < 1500 { // that is in the second record
			fault.Hit = func() { cancel(enough) }
		}
		s.Fault(fault)
		var last error
		for _, last = range client(t, s).Export(ctx, dixa.Export{Kind: dixa.Messages, By: dixa.Created, Window: day}) {
			cancel(enough)
		}
		if !errors.Is(last, enough) || kinds(last) != nil {
			t.Errorf("after %d bytes the error is %v, which is %v", bytes, last, kinds(last))
		}
	}
}
