package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// liveJSON is how current the receiver keeps everything; times are left out where there is nothing to tell.
type liveJSON struct {
	Serving        bool   `json:"serving"`
	AliveAt        string `json:"alive_at,omitempty"`
	ReceivedAt     string `json:"received_at,omitempty"`
	AppliedAt      string `json:"applied_at,omitempty"`
	PushedAt       string `json:"pushed_at,omitempty"`
	RefreshedAt    string `json:"refreshed_at,omitempty"`
	OldestStaleAt  string `json:"oldest_stale_at,omitempty"`
	Unpushed       int    `json:"unpushed"`
	OldestUnpushed string `json:"oldest_unpushed_at,omitempty"`
}

func liveOf(l store.Live) liveJSON {
	return liveJSON{l.Serving, precise(l.AliveAt), precise(l.ReceivedAt), precise(l.AppliedAt), precise(l.PushedAt), precise(l.RefreshedAt),
		precise(l.OldestStale), l.Unpushed, precise(l.OldestUnpushed)}
}

// precise is an instant to the millisecond: of a lag, seconds are too coarse.
func precise(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// printLive shows how current the receiver keeps everything, where it was ever started.
func (a *app) printLive(l store.Live) error {
	if l.AliveAt.IsZero() && l.ReceivedAt.IsZero() {
		return nil
	}
	alive := "receiver last alive"
	if l.Serving {
		alive = "receiver alive"
	}
	t := table{header: []string{"LIVE", "AT", "AGO"}, right: []int{2}}
	now := time.Now()
	for _, row := range []struct {
		what string
		at   time.Time
	}{
		{alive, l.AliveAt},
		{"newest event received", l.ReceivedAt},
		{"newest event applied", l.AppliedAt},
		{"last settled with Plecto", l.PushedAt},
		{"last refresh", l.RefreshedAt},
		{fmt.Sprintf("oldest of %s stale", thousands(l.Stale)), l.OldestStale},
		{fmt.Sprintf("oldest of %s waiting for Plecto", thousands(l.Unpushed)), l.OldestUnpushed},
	} {
		ago := ""
		if !row.at.IsZero() {
			ago = max(now.Sub(row.at), 0).Round(time.Second).String()
		}
		t.add(row.what, instant(row.at), ago)
	}
	fmt.Fprintln(a.stdout)
	return t.print(a.stdout)
}

// errLag says that Plecto may be further behind than is allowed.
var errLag = errors.New("the lag is too long")

// checkLag tells how far Plecto may be behind Dixa or, by the last sign of life alone, whether the receiver still works.
func (a *app) checkLag(ctx context.Context, b *bridge.Bridge, most time.Duration, alive bool) error {
	l, err := b.Store.Live(ctx)
	if err != nil {
		return err
	}
	measured := l
	if alive {
		measured = store.Live{AliveAt: l.AliveAt}
	}
	lag, what := bridge.Lag(measured, time.Now())
	var failed error
	if lag > most {
		failed = hinted{fmt.Errorf("%w: %s is %s ago, more than %s", errLag, what, lag.Round(time.Second), most), lagHint(l)}
	}
	doc := struct {
		OK         bool     `json:"ok"`
		Connection string   `json:"connection"`
		Lag        float64  `json:"lag_seconds"`
		Stale      int      `json:"stale"`
		Live       liveJSON `json:"live"`
	}{failed == nil, b.Store.Connection(), lag.Seconds(), l.Stale, liveOf(l)}
	err = a.result(doc, func() error {
		if failed != nil || alive {
			return nil // the error, or the code, says it
		}
		_, err := fmt.Fprintf(a.stdout, "The lag is %s. Stale conversations: %s.\n", lag.Round(time.Second), thousands(l.Stale))
		return err
	})
	return errors.Join(failed, err)
}

// lagHint says what to look at.
func lagHint(l store.Live) string {
	if !l.Serving {
		return "`dixa2plecto serve` does not run, or cannot write to the cache: look at its log"
	}
	return "`dixa2plecto serve` runs: its log says what it waits for"
}
