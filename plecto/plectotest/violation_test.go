package plectotest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestRulesThatAClientBreaksWithOneRequest(t *testing.T) {
	s := &plectotest.Server{}
	one, two := s.AddDataSource("Conversations"), s.AddDataSource("Messages")
	queue := map[string]any{"Queue": "Billing"}
	tests := []struct {
		name string
		body any
		want []string // words of each violation
	}{
		{"a full batch", rows(one, 100), nil},
		{"too many rows", rows(one, 101), []string{"101 rows"}},
		{"other keys in another data source", []any{row(one, "1", queue), row(two, "2", nil), row(one, "3", queue)}, nil},
		{"a key less", []any{row(one, "1", queue), row(one, "2", nil)}, []string{one}},
		{"a key more", []any{row(two, "1", nil), row(two, "2", queue)}, []string{two}},
		{"another key", []any{row(one, "1", queue), row(one, "2", map[string]any{"Tags": "vip"})}, []string{one}},
		{"null for no value", []any{row(one, "1", queue), row(one, "2", map[string]any{"Queue": nil})}, nil},
		{"naive dates", []any{
			row(one, "1", map[string]any{"date": "2026-01-31T12:00:00"}),
			row(one, "2", nil),
			row(one, "3", map[string]any{"date": "2026-01-31T12:00:00"}),
		}, []string{`2 rows have a date without a UTC offset, external id "1"`}},
		{"one external id twice in a batch", []any{row(one, "1", nil), row(one, "1", nil)}, nil},
		{"no rows", "[]", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.Violations())
			send(t, s, "POST", "/registrations/", test.body)
			got := s.Violations()[before:]
			if len(got) != len(test.want) {
				t.Fatalf("violations %q, want %d", got, len(test.want))
			}
			for i, words := range test.want {
				if !strings.Contains(got[i], words) {
					t.Errorf("violation %q does not say %q", got[i], words)
				}
			}
		})
	}
}

func TestARequestOverTheLimitIsAViolationEvenWhereAFaultAnswersIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{RequestsPerHour: 1}}
		s.Fault(plectotest.Fault{Count: -1, Status: 500})
		send(t, s, "GET", "/members/", nil)
		equal(t, "violations of one request", s.Violations(), []string(nil))
		send(t, s, "GET", "/members/", nil)
		if got := s.Violations(); len(got) != 1 || !strings.Contains(got[0], "1h0m0s") {
			t.Errorf("violations %q", got)
		}
	})
}

func TestTwoRequestsAtOnceForOneRowAreAViolation(t *testing.T) {
	tests := []struct {
		name   string
		second func(one, two string) map[string]any
		leaves bool // the first request's client, before the second request
		broken bool
	}{
		{"one row", func(one, two string) map[string]any { return row(one, "1", nil) }, false, true},
		{"another row", func(one, two string) map[string]any { return row(one, "2", nil) }, false, false},
		{"the same id in another data source", func(one, two string) map[string]any { return row(two, "1", nil) }, false, false},
		{"a client that gave up on the first", func(one, two string) map[string]any { return row(one, "1", nil) }, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &plectotest.Server{}
				one, two := s.AddDataSource("Conversations"), s.AddDataSource("Messages")
				release := make(chan struct{})
				s.Fault(plectotest.Fault{Hold: release})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				go answered(s, request(t, "POST", "/registrations/", row(one, "1", nil)).WithContext(ctx))
				synctest.Wait()
				if test.leaves {
					leave()
				}
				send(t, s, "POST", "/registrations/", []any{test.second(one, two)})
				equal(t, "violations while it is held: ", len(s.Violations()) == 1, test.broken)
				close(release)
				synctest.Wait()
				equal(t, "violations after its end: ", len(s.Violations()) == 1, test.broken)
			})
		})
	}
}

func TestRequestsOneAfterAnotherAreNoViolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{Latency: time.Second}}
		source := s.AddDataSource("Conversations")
		s.Fault(plectotest.Fault{Request: 2, Drop: true})
		s.Fault(plectotest.Fault{Request: 3, Drop: true, AfterStoring: true})
		s.Fault(plectotest.Fault{Request: 4, Status: 500})
		for range 5 {
			send(t, s, "POST", "/registrations/", row(source, "1", nil))
		}
		equal(t, "violations", s.Violations(), []string(nil))
	})
}

// eager is a client that has its answer, and sends the next request, before the handler is done.
type eager struct {
	http.ResponseWriter
	next func()
}

func (e eager) Write(body []byte) (int, error) {
	e.next()
	return e.ResponseWriter.Write(body)
}

func TestTheRequestAfterAnAnswerIsNoViolation(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	post := func() { wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", nil)), 201) }
	s.ServeHTTP(eager{httptest.NewRecorder(), post}, request(t, "POST", "/registrations/", row(source, "1", nil)))
	equal(t, "requests", len(s.Requests()), 2)
	equal(t, "violations", s.Violations(), []string(nil))
}
