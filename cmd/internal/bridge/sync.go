package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

const (
	// overlap is how far sync steps back from where it last stood: a record may show up in the export a while after
	// its time, and how long is not documented.
	overlap = time.Hour
	// firstDays is how much sync fetches of a kind that was never imported.
	firstDays = 30 * 24 * time.Hour
)

// Sync imports what changed since the last time, and pushes it. What was pending before goes out first: a long wait for
// Dixa is not to keep it from Plecto, nor is trouble with Dixa.
func (b *Bridge) Sync(ctx context.Context, o PushOptions) ([]Imported, []Pushed, error) {
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(sources) == 0 {
		return nil, nil, ErrNoSource
	}
	before, pushErr := b.Push(ctx, o)
	if ctx.Err() != nil || cacheFailed(pushErr) {
		return nil, before, pushErr
	}
	imported, err := b.importChanges(ctx, kindsOf(sources))
	if ctx.Err() != nil || cacheFailed(err) || Temporary(pushErr) || Unauthorized(pushErr) {
		return imported, before, errors.Join(err, pushErr)
	}
	pushed, pushErr := b.Push(ctx, o)
	for i, earlier := range before {
		if i < len(pushed) && pushed[i].Source.ID == earlier.Source.ID {
			pushed[i].add(earlier)
		}
	}
	return imported, pushed, errors.Join(err, pushErr)
}

// cacheFailed reports whether the cache itself is in trouble.
func cacheFailed(err error) bool {
	for _, e := range []error{store.ErrDamaged, store.ErrFull, store.ErrReadOnly} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// importChanges asks for conversations by the time of their last change, and for messages, which have none, by the time
// of creation. What it leaves undone, the next call asks for: each window moves the place from which that begins.
func (b *Bridge) importChanges(ctx context.Context, kinds []string) ([]Imported, error) {
	now := time.Now().Truncate(time.Millisecond)
	run := store.Run{Command: "sync", Kinds: kinds, Starts: now, Ends: now, Open: true, Began: now}
	var all []store.Window
	for _, kind := range kinds {
		from, by := now.Add(-firstDays), dixa.Created
		until, ok, err := b.Store.Synced(ctx, kind)
		if err != nil {
			return nil, err
		}
		if ok {
			// A place in the future was reached with a clock that was ahead.
			from = earliest(until, now).Add(-overlap)
			if kind == string(dixa.Conversations) {
				by = dixa.Updated
			}
		}
		if from.Before(run.Starts) {
			run.Starts = from
		}
		all = append(all, windows(run, kind, by, from, now)...)
	}
	run, left, err := b.start(ctx, run, all)
	if err != nil {
		return nil, err
	}
	return b.fetch(ctx, run, left, false)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
