package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// scrape asks as Prometheus does.
func scrape(t *testing.T, m *metrics) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w
}

// lint fails where Prometheus could not read a text, or where it does not follow its conventions.
func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Errorf("not in Prometheus' format: %v\n%s", err, text)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsTellWhatServeDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		m := newMetrics(func(context.Context) (liveState, error) {
			return liveState{
				Live: store.Live{
					Stale: 3, OldestStale: now.Add(-90 * time.Second), OldestUnpushed: now.Add(-1500 * time.Millisecond),
					ReceivedAt: now.Add(-time.Second), AppliedAt: now.Add(-4 * time.Second), AliveAt: now,
				},
				Budgets: []bridge.BudgetStatus{
					{Budget: store.Budget{Name: "message exports", Limit: 3}, Used: 2}, {Budget: store.Budget{Name: "Dixa API"}},
				},
				Sent: map[string]int64{"conversations": 107, "messages": 0},
			}, nil
		})
		m.observe("CONVERSATION_CLOSED", http.StatusNoContent, true, 800*time.Microsecond)
		m.observe("conversationClosed", http.StatusNoContent, true, 30*time.Millisecond)
		m.observe("SLA_EVALUATION_BREACHED", http.StatusNoContent, false, 30*time.Millisecond)
		m.observe("", http.StatusUnauthorized, false, 4*time.Second)

		w := scrape(t, m)
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
			t.Errorf("content type %q", got)
		}
		lint(t, w.Body.String())
		lines := strings.Split(w.Body.String(), "\n")
		at := func(name string, when time.Time) string {
			t.Helper()
			return fmt.Sprintf("dixa2plecto_%s_timestamp_seconds %g", name, float64(when.Unix()))
		}
		for _, want := range []string{
			`dixa2plecto_webhook_events_total{outcome="stored",type="CONVERSATION_CLOSED"} 2`,
			`dixa2plecto_webhook_events_total{outcome="duplicate",type="SLA_EVALUATION_BREACHED"} 1`,
			`dixa2plecto_webhook_events_total{outcome="refused",type="other"} 1`,
			`dixa2plecto_webhook_answer_duration_seconds_bucket{le="0.001"} 1`,
			`dixa2plecto_webhook_answer_duration_seconds_bucket{le="0.025"} 1`,
			`dixa2plecto_webhook_answer_duration_seconds_bucket{le="0.05"} 3`,
			`dixa2plecto_webhook_answer_duration_seconds_bucket{le="2.5"} 3`,
			`dixa2plecto_webhook_answer_duration_seconds_bucket{le="+Inf"} 4`,
			`dixa2plecto_webhook_answer_duration_seconds_count 4`,
			`dixa2plecto_rows_sent_total{source="conversations"} 107`,
			`dixa2plecto_stale_conversations 3`,
			`dixa2plecto_stale_oldest_age_seconds 90`,
			`dixa2plecto_push_lag_seconds 1.5`,
			at("event_received", now.Add(-time.Second)),
			at("event_applied", now.Add(-4*time.Second)),
			at("alive", now),
			`dixa2plecto_refresh_timestamp_seconds 0`,
			`dixa2plecto_budget_used_requests{budget="message exports"} 2`,
			`dixa2plecto_budget_limit_requests{budget="message exports"} 3`,
			`dixa2plecto_budget_limit_requests{budget="Dixa API"} 0`,
		} {
			if !slices.Contains(lines, want) {
				t.Errorf("no line %s", want)
			}
		}
		if t.Failed() {
			t.Log(w.Body)
		}
	})
}

func TestMetricsOfAFreshReceiverAreWhole(t *testing.T) {
	m := newMetrics(func(context.Context) (liveState, error) { return liveState{}, nil })
	text := scrape(t, m).Body.String()
	lint(t, text)
	for _, want := range []string{
		`dixa2plecto_webhook_events_total{outcome="refused",type="other"} 0`,
		`dixa2plecto_webhook_answer_duration_seconds_count 0`,
		`dixa2plecto_stale_oldest_age_seconds 0`,
		`dixa2plecto_event_received_timestamp_seconds 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

// Whoever knows the secret could otherwise fill Prometheus with a series per delivery.
func TestMadeUpEventTypesAreCountedAsOne(t *testing.T) {
	m := newMetrics(func(context.Context) (liveState, error) { return liveState{}, nil })
	for i := range 1000 {
		m.observe(fmt.Sprintf("MADE_UP_%d", i), http.StatusNoContent, true, 0)
	}
	text := scrape(t, m).Body.String()
	if want := `dixa2plecto_webhook_events_total{outcome="stored",type="other"} 1000`; !strings.Contains(text, want+"\n") || strings.Contains(text, "MADE_UP") {
		t.Errorf("no line %s in\n%s", want, text)
	}
}

func TestNoNameBreaksTheMetrics(t *testing.T) {
	sent := map[string]int64{`say "hi"`: 1, `back\slash`: 1, "two\nlines": 1, "kø": 1, "": 1}
	m := newMetrics(func(context.Context) (liveState, error) { return liveState{Sent: sent}, nil })
	text := scrape(t, m).Body.String()
	lint(t, text)
	if want := `dixa2plecto_rows_sent_total{source="two\nlines"} 1`; !strings.Contains(text, want+"\n") {
		t.Errorf("no line %s in\n%s", want, text)
	}
}

func TestMetricsWithoutTheStateAreNotGivenAtAll(t *testing.T) {
	m := newMetrics(func(context.Context) (liveState, error) { return liveState{}, errors.New("disk I/O error") })
	if w := scrape(t, m); w.Code != http.StatusServiceUnavailable || w.Body.Len() > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNothingIsLostThatIsCountedAtOnce(t *testing.T) {
	m := newMetrics(func(context.Context) (liveState, error) {
		return liveState{Budgets: []bridge.BudgetStatus{{Budget: store.Budget{Name: "Dixa API", Limit: 10}, Used: 1}}}, nil
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				m.observe("CONVERSATION_CLOSED", http.StatusNoContent, true, time.Millisecond)
			}
			if w := scrape(t, m); w.Code != http.StatusOK {
				t.Errorf("%d", w.Code)
			}
		})
	}
	wg.Wait()
	text := scrape(t, m).Body.String()
	for _, want := range []string{
		`dixa2plecto_webhook_events_total{outcome="stored",type="CONVERSATION_CLOSED"} 4000`,
		`dixa2plecto_webhook_answer_duration_seconds_bucket{le="0.001"} 4000`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}
