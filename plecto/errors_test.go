package plecto_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// kinds returns which of the package's errors an error is.
func kinds(err error) (all []error) {
	for _, kind := range []error{plecto.ErrUnavailable, plecto.ErrThrottled, plecto.ErrUnauthorized, plecto.ErrRefused, plecto.ErrNotFound, plecto.ErrUnreadable, plecto.ErrRedirected} {
		if errors.Is(err, kind) {
			all = append(all, kind)
		}
	}
	return all
}

func TestEachStatusIsOneKindOfError(t *testing.T) {
	for _, row := range []struct {
		status int
		want   []error
	}{
		{301, []error{plecto.ErrRedirected}},
		{302, []error{plecto.ErrRedirected}},
		{307, []error{plecto.ErrRedirected}},
		{400, []error{plecto.ErrRefused}},
		{401, []error{plecto.ErrUnauthorized}},
		{402, nil},
		{403, []error{plecto.ErrUnauthorized}},
		{404, []error{plecto.ErrNotFound}},
		{405, nil},
		{408, []error{plecto.ErrUnavailable}},
		{409, []error{plecto.ErrRefused}},
		{413, []error{plecto.ErrRefused}},
		{422, []error{plecto.ErrRefused}},
		{429, []error{plecto.ErrThrottled}},
		{500, []error{plecto.ErrUnavailable}},
		{502, []error{plecto.ErrUnavailable}},
		{503, []error{plecto.ErrUnavailable}},
		{504, []error{plecto.ErrUnavailable}},
	} {
		err := send(t, client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere/")
			w.WriteHeader(row.status)
			io.WriteString(w, `{"detail":"so it is"}`)
		})))
		e, ok := errors.AsType[*plecto.Error](err)
		if !ok || e.Status != row.status || !slices.Equal(kinds(err), row.want) {
			t.Errorf("%d gives %v, which is %v, want %v", row.status, err, kinds(err), row.want)
		}
		if want := fmt.Sprintf("plecto: sending registrations: %d %s: so it is", row.status, http.StatusText(row.status)); row.status >= 400 && err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
	}
}

func TestTheWaitThatPlectoAsksForIsKept(t *testing.T) {
	for _, row := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{http.StatusTooManyRequests, "30", 30 * time.Second},
		{http.StatusTooManyRequests, "", 0},
		{http.StatusServiceUnavailable, "30", 30 * time.Second},
	} {
		err := send(t, client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", row.header)
			w.WriteHeader(row.status)
		})))
		if e, ok := errors.AsType[*plecto.Error](err); !ok || e.RetryAfter != row.want || !slices.Equal(kinds(err), []error{plecto.ErrThrottled}) {
			t.Errorf("%d, %q: %v", row.status, row.header, err)
		}
	}
}

func TestAnyErrorBodyGivesOneShortLine(t *testing.T) {
	const before = "plecto: sending registrations: 400 Bad Request"
	for _, row := range []struct{ name, body, want string }{
		{"nothing", "", ""},
		{"null", "null", ""},
		{"an empty object", "{}", ""},
		{"detail", `{"detail":"Invalid."}`, ": Invalid."},
		{"fields", `{"member_name":["This field is required."],"date":["Bad.","Worse."]}`, ": date: Bad.; date: Worse.; member_name: This field is required."},
		{"nested", `{"errors":{"non_field_errors":["Bad."],"date":{"message":"Worse."}}}`, ": date: Worse.; errors: Bad."},
		{"a list, one row at fault", `[{},{"date":["Bad."]},{},{"date":["Bad."]}]`, ": date: Bad."},
		{"text", "Bad\r\nRequest\x1b[31m", ": Bad Request [31m"},
		{"JSON text", `"Bad\n\u001b[31m"`, ": Bad [31m"},
		{"HTML", "<html>\n<h1>Bad Request</h1>", ": <html> <h1>Bad Request</h1>"},
		{"not UTF-8", "caf\xe9", ": caf?"},
		{"a megabyte", strings.Repeat("å", 1<<19), ": " + strings.Repeat("å", 300) + "…"},
	} {
		err := send(t, client(t, answers(http.StatusBadRequest, row.body)))
		if text := fmt.Sprint(err); text != before+row.want {
			t.Errorf("%s: the error is %q, want %q", row.name, text, before+row.want)
		}
	}
}

func TestAnErrorBodyWithEndlessReasonsIsNotReadToItsEnd(t *testing.T) {
	var body strings.Builder
	for i := range 500_000 { // comparing each with each would take an hour
		fmt.Fprintf(&body, `,{"n":"%d"}`, i)
	}
	err := send(t, client(t, answers(http.StatusBadRequest, "["+body.String()[1:]+"]")))
	if text := fmt.Sprint(err); !strings.Contains(text, ": n: 0; n: 1; n: 2;") || len(text) > 400 {
		t.Errorf("the error is %q", text)
	}
}

func TestAPageWithStatus200IsNoSuccess(t *testing.T) {
	for _, page := range []string{
		"<!DOCTYPE html>\n<title>Sign in</title>", " \r\n<html>Sign in", "\ufeff<html>Sign in", strings.Repeat("\n", 2000) + "<html>Sign in",
	} {
		if err := send(t, client(t, answers(http.StatusOK, page))); !slices.Equal(kinds(err), []error{plecto.ErrUnavailable}) || !strings.Contains(err.Error(), "Sign in") {
			t.Errorf("%.20q: %v", page, err)
		}
	}
}

func TestASuccessThatCannotBeReadIsNotQuoted(t *testing.T) {
	const customer = "kunde@example.com"
	for _, row := range []struct {
		body, says string
		source     bool // whether it is one data source's, so that only a list is missing
	}{
		{customer, "text, 17 bytes", false},
		{`"` + customer + `"`, "text, 19 bytes", false},
		{`{"detail":"` + customer + `"}`, "a JSON object, 30 bytes", true},
		{`{"results":{"email":"` + customer + `"}}`, "a JSON object, 41 bytes", true},
		{`{"results":[{"email":"` + customer, "the beginning of a JSON object, 39 bytes", false},
		{`["` + customer + `"]`, "a JSON array, 21 bytes", false},
		{`[{"` + customer + `" "` + customer + `"}]`, "the beginning of a JSON array, 43 bytes", false},
	} {
		var out bytes.Buffer
		cfg := config(t, answers(http.StatusOK, row.body))
		cfg.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := plecto.New(cfg)
		_, rows := c.Registrations(t.Context(), plecto.Query{})
		_, _, members := c.Members(t.Context(), 1)
		_, _, sources := c.DataSources(t.Context(), 1)
		_, source := c.DataSource(t.Context(), "0123456789abcdef0123456789abcdef")
		all := []error{rows, members, sources}
		if !row.source {
			all = append(all, source)
		}
		for _, err := range all {
			if text := fmt.Sprint(err); !strings.HasSuffix(text, ": what came is "+row.says) || strings.Contains(text, "kunde") {
				t.Errorf("%s: the error is %q", row.body, text)
			}
		}
		if strings.Contains(out.String(), "kunde") {
			t.Errorf("%s: the log is %s", row.body, &out)
		}
	}
}

func TestNoAnswerMeansThatTheServiceIsNotAvailable(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, cfg := range map[string]plecto.Config{
		"refused": {URL: closed.URL},
		"dropped": config(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })),
		"cut": config(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
		})),
	} {
		if err := send(t, plecto.New(cfg)); !slices.Equal(kinds(err), []error{plecto.ErrUnavailable}) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestAnUntrustedServerGetsNoLoginAndIsNotAskedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	err := send(t, plecto.New(plecto.Config{Email: email, Password: password, URL: server.URL}))
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || kinds(err) != nil {
		t.Errorf("the error is %v, which is %v", err, kinds(err))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(trap.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := new(plectotest.Server)
		s.Fault(plectotest.Fault{Status: status, Header: http.Header{"Location": {trap.URL + "/login/?next=x"}}})
		cfg := config(t, s)
		cfg.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
		err := send(t, plecto.New(cfg))
		if e, ok := errors.AsType[*plecto.Error](err); !ok || "http://"+strings.TrimPrefix(e.Message, "to ") != trap.URL+"/login/" || !errors.Is(err, plecto.ErrRedirected) {
			t.Errorf("the error is %v", err)
		}
		if len(s.Requests()) != 1 || cfg.HTTP.CheckRedirect(nil, nil) != nil {
			t.Errorf("%d requests were made, or the caller's HTTP client was changed", len(s.Requests()))
		}
	}
}

func TestTheLoginIsInNoErrorAndNoLog(t *testing.T) {
	echo := func(r *http.Request) string {
		user, pass, _ := r.BasicAuth()
		return user + " " + pass + " " + r.Header.Get("Authorization")
	}
	for name, h := range map[string]http.HandlerFunc{
		"page": func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "<p>%s</p>", echo(r)) },
		"refusal": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"detail":{"%s":"%[1]s"}}`, echo(r))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/login?"+echo(r))
			w.WriteHeader(http.StatusFound)
		},
		"drop": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			cfg := config(t, h)
			cfg.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c := plecto.New(cfg)
			err := send(t, c)
			if err == nil {
				t.Fatal("no error")
			}
			cfg.Log.Info("about", "config", cfg, "pointer", &cfg, "client", c)
			fmt.Fprintf(&out, "%v %+v %v %+v %v %+v %+v", cfg, cfg, &cfg, &cfg, c, c, err)
			text := out.String()
			for _, secret := range []string{email, password, base64.StdEncoding.EncodeToString([]byte(email + ":" + password))} {
				if strings.Contains(text, secret) {
					t.Errorf("%s is in what was said: %s", secret, text)
				}
			}
			if !strings.Contains(text, "/registrations/") {
				t.Errorf("the request is not in what was said: %s", text)
			}
		})
	}
}

func TestARequestIsMadeOnce(t *testing.T) {
	for name, fault := range map[string]plectotest.Fault{
		"dropped":     {Drop: true},
		"unavailable": {Status: http.StatusBadGateway},
		"throttled":   {Status: http.StatusTooManyRequests},
	} {
		s := new(plectotest.Server)
		source, c := s.AddDataSource("Conversations"), client(t, s)
		rows := []plecto.Registration{registration(source, "1")}
		if err := c.Register(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		fault.Count = -1
		s.Fault(fault)
		if err := c.Register(t.Context(), rows); err == nil || len(s.Requests()) != 2 {
			t.Errorf("%s: %d requests, want 2; %v", name, len(s.Requests()), err)
		}
	}
}

// A transport answers as a server would that takes its time.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnAnswerThatTakesTooLongIsGivenUp(t *testing.T) {
	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	stalled := func(r *http.Request) (*http.Response, error) {
		body, w := io.Pipe()
		context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
		return &http.Response{StatusCode: http.StatusCreated, Body: body, Request: r}, nil
	}
	enough := errors.New("enough")
	for name, f := range map[string]transport{"silent": silent, "stalled": stalled} {
		for _, row := range []struct {
			answer, cancel, after time.Duration
			want                  []error
		}{
			{0, time.Hour, 30 * time.Second, []error{plecto.ErrUnavailable}},
			{time.Minute, time.Hour, time.Minute, []error{plecto.ErrUnavailable}},
			{0, time.Second, time.Second, nil},
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), row.cancel, enough)
				defer cancel()
				began := time.Now()
				c := plecto.New(plecto.Config{Answer: row.answer, HTTP: &http.Client{Transport: f}})
				err := c.Register(ctx, nil)
				if took := time.Since(began); err == nil || took != row.after || !slices.Equal(kinds(err), row.want) {
					t.Errorf("%s: after %v, want %v: %v, which is %v, want %v", name, took, row.after, err, kinds(err), row.want)
				}
			})
		}
	}
}
