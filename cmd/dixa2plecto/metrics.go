package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// liveState is what a receiver knows of itself at one moment.
type liveState struct {
	store.Live
	Budgets []bridge.BudgetStatus
	Sent    map[string]int64 // registrations that Plecto accepted since the process began, by source
}

// age is the time since a moment in seconds, 0 for the zero time.
func age(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t).Seconds())
}

// answerBuckets are bounds in seconds around the tenth of a second within which a delivery is to be answered.
func answerBuckets() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5}
}

// eventLabels are a type, kept to those that Dixa knows however deliveries call theirs, and an outcome: stored, duplicate
// for an event that was stored before, or refused.
func eventLabels(eventType string, status int, fresh bool) (kind, outcome string) {
	kind, outcome = "other", "refused"
	if name, ok := dixa.EventName(eventType); ok {
		kind = dixa.EventType(name)
	}
	switch {
	case status/100 != 2:
	case fresh:
		outcome = "stored"
	default:
		outcome = "duplicate"
	}
	return kind, outcome
}

// seconds is a moment as Prometheus wants it, 0 where there is none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// metrics count deliveries, and are the handler of GET /metrics, in Prometheus' text format. Counters begin at 0 with the
// process; the state of the receiver is asked for with each request. Their methods may be called from any goroutine.
//
// The text is written here because the official client's protocol buffers would make the program an eighth larger; its
// linter judges the text in a test.
// https://prometheus.io/docs/instrumenting/exposition_formats/, https://prometheus.io/docs/practices/naming/
type metrics struct {
	counts func(context.Context) (liveState, error)

	mu     sync.Mutex
	events map[string]int64 // by their labels
	// answers are counted by the first of answerBuckets that they fit into, the last of these counts beyond all.
	answers []int64
	took    time.Duration // all answers together
}

// newMetrics returns metrics that learn the state of the receiver from counts.
func newMetrics(counts func(context.Context) (liveState, error)) *metrics {
	m := &metrics{counts: counts, events: map[string]int64{}, answers: make([]int64, len(answerBuckets())+1)}
	kind, outcome := eventLabels("", 0, false)
	m.events[labels("outcome", outcome, "type", kind)] = 0 // so that the first refusal is a rise, not a new series
	return m
}

// observe counts a delivery: the type of its event, empty where none was read, the status of the answer, whether the event
// was new, and how long the answer took.
func (m *metrics) observe(eventType string, status int, fresh bool, took time.Duration) {
	kind, outcome := eventLabels(eventType, status, fresh)
	bucket, _ := slices.BinarySearch(answerBuckets(), took.Seconds())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events[labels("outcome", outcome, "type", kind)]++
	m.answers[bucket]++
	m.took += took
}

// ServeHTTP answers 503 where the state of the receiver cannot be read: Prometheus then has the target as down.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	state, err := m.counts(r.Context())
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(m.text(state))
}

func (m *metrics) text(c liveState) []byte {
	var text bytes.Buffer
	head := func(kind, name, help string) {
		fmt.Fprintf(&text, "# HELP dixa2plecto_%s %s\n# TYPE dixa2plecto_%[1]s %[3]s\n", name, help, kind)
	}
	sample := func(name, labels string, value any) { fmt.Fprintf(&text, "dixa2plecto_%s%s %v\n", name, labels, value) }
	gauge := func(name, help string, value float64) {
		head("gauge", name, help)
		sample(name, "", value)
	}
	counter := func(name, help string, by map[string]int64, labels func(key string) string) {
		head("counter", name, help)
		for _, key := range slices.Sorted(maps.Keys(by)) {
			sample(name, labels(key), by[key])
		}
	}

	m.mu.Lock()
	counter("webhook_events_total", "Deliveries, by the type of their event and by what became of them.", m.events,
		func(labels string) string { return labels })
	head("histogram", "webhook_answer_duration_seconds", "Time from the head of a delivery to its answer.")
	var answers int64
	for i, bound := range append(answerBuckets(), math.Inf(1)) {
		answers += m.answers[i]
		sample("webhook_answer_duration_seconds_bucket", fmt.Sprintf(`{le="%v"}`, bound), answers)
	}
	sample("webhook_answer_duration_seconds_sum", "", m.took.Seconds())
	sample("webhook_answer_duration_seconds_count", "", answers)
	m.mu.Unlock()

	counter("rows_sent_total", "Registrations that Plecto accepted, by source.", c.Sent,
		func(source string) string { return labels("source", source) })
	gauge("stale_conversations", "Conversations that an event told of and that are not fetched yet.", float64(c.Stale))
	gauge("stale_oldest_age_seconds", "For how long the oldest of them has been stale; 0 where there is none.", age(c.OldestStale))
	gauge("push_lag_seconds", "How old the oldest event is whose conversation is fetched and waits for Plecto; 0 where none does.", age(c.OldestUnpushed))
	gauge("event_received_timestamp_seconds", "When the newest event came; 0 where none came yet.", seconds(c.ReceivedAt))
	gauge("event_applied_timestamp_seconds", "When what an event told of was last fetched; 0 where nothing was yet.", seconds(c.AppliedAt))
	gauge("alive_timestamp_seconds", "When the receiver last said that it is alive.", seconds(c.AliveAt))
	gauge("refresh_timestamp_seconds", "When the last refresh ended; 0 where none did yet.", seconds(c.RefreshedAt))
	head("gauge", "budget_used_requests", "Requests made within the span of a budget.")
	for _, b := range c.Budgets {
		sample("budget_used_requests", labels("budget", b.Budget.Name), b.Used)
	}
	head("gauge", "budget_limit_requests", "Requests that a budget allows within its span; 0 is no limit.")
	for _, b := range c.Budgets {
		sample("budget_limit_requests", labels("budget", b.Budget.Name), b.Budget.Limit)
	}
	return text.Bytes()
}

// labels writes names and values, in which the format escapes three characters and no others.
func labels(pairs ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	var all []string
	for pair := range slices.Chunk(pairs, 2) {
		all = append(all, pair[0]+`="`+escape.Replace(pair[1])+`"`)
	}
	return "{" + strings.Join(all, ",") + "}"
}
