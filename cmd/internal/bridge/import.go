package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A Range is what an import is asked for.
type Range struct {
	From, To time.Time // To is not in it
	// Open says that To is only the present moment, and moves on when the range is asked for again.
	Open  bool
	Kinds []string // in the order of Kinds; those that have a source when empty
	// Restart begins again where an unfinished import of the same range could go on.
	Restart bool
}

// Imported counts what one call of a flow fetched of a kind.
type Imported struct {
	Kind     string
	From, To time.Time
	Windows  int // done
	Requests int // made, those that failed too
	Records  int // distinct ones read
	Changed  int // of them, new or different
	Aside    int // elements that could not be taken over
	TooOld   int // windows that Dixa does not give any more
	Resumed  bool
}

// Import fetches a range into the cache, by the time of creation. An unfinished import of the same range goes on with the
// windows that are left. The kinds are fetched side by side; trouble with one does not stop the other.
func (b *Bridge) Import(ctx context.Context, r Range) ([]Imported, error) {
	if len(r.Kinds) == 0 {
		sources, err := b.Store.Sources(ctx)
		if err != nil {
			return nil, err
		}
		r.Kinds = kindsOf(sources)
	}
	run, left, resumed, err := b.resume(ctx, r)
	if err != nil {
		return nil, err
	}
	if !resumed {
		for _, kind := range run.Kinds {
			left = append(left, windows(run, kind, dixa.Created, run.Starts, run.Ends)...)
		}
		// Of the future there is nothing to ask for.
		left = slices.DeleteFunc(left, func(w store.Window) bool { return w.Starts.After(run.Began) })
		if run, left, err = b.start(ctx, run, left); err != nil {
			return nil, err
		}
	}
	return b.fetch(ctx, run, left, resumed)
}

// resume looks for the unfinished run of a range; an open one is stretched to its new end.
func (b *Bridge) resume(ctx context.Context, r Range) (run store.Run, left []store.Window, ok bool, err error) {
	run = store.Run{Command: "import", Kinds: r.Kinds, Starts: r.From, Ends: r.To, Open: r.Open, Began: time.Now()}
	if r.Restart {
		return run, nil, false, nil
	}
	found, left, ok, err := b.Store.UnfinishedRun(ctx, run)
	if err != nil || !ok || !r.Open {
		return found, left, ok, err
	}
	var drop, add []store.Window
	for _, kind := range found.Kinds {
		from, _, err := b.Store.CoveredTo(ctx, found, kind)
		if err != nil {
			return run, nil, false, err
		}
		// The last window, where it is left, grows into the new time; the others stay as they are.
		for _, w := range left {
			if w.Kind == kind && w.Ends.Equal(found.Ends) {
				drop, from = append(drop, w), w.Starts
			}
		}
		add = append(add, windows(found, kind, dixa.Created, from, r.To)...)
	}
	found.Ends = r.To
	if err := b.Store.ExtendRun(ctx, found, drop, add); err != nil {
		return run, nil, false, err
	}
	left, err = b.Store.WindowsLeft(ctx, found)
	return found, left, true, err
}

// start writes a run down and returns it with its windows.
func (b *Bridge) start(ctx context.Context, run store.Run, all []store.Window) (store.Run, []store.Window, error) {
	run, err := b.Store.StartRun(ctx, run, all)
	if err != nil {
		return run, nil, err
	}
	left, err := b.Store.WindowsLeft(ctx, run)
	return run, left, err
}

// windows cuts a stretch of a run into windows.
func windows(run store.Run, kind string, by dixa.By, from, to time.Time) []store.Window {
	var all []store.Window
	for _, w := range dixa.Windows(from, to) {
		all = append(all, store.Window{Run: run, Kind: kind, By: string(by), Starts: w.From, Ends: w.To})
	}
	return all
}

// fetch does the windows of a run, its kinds side by side and the windows of a kind one after another.
func (b *Bridge) fetch(ctx context.Context, run store.Run, left []store.Window, resumed bool) ([]Imported, error) {
	all := make([]Imported, len(run.Kinds))
	errs := make([]error, len(run.Kinds))
	known, err := b.Store.Erased(ctx)
	if err != nil {
		return nil, err
	}
	erased := &erasedSet{known: known}
	var kinds sync.WaitGroup
	if !slices.Equal(run.Kinds, []string{string(dixa.Conversations)}) { // which name their agent themselves
		stop := b.meanwhile(ctx, b.refreshAgents)
		defer stop()
	}
	for i, kind := range run.Kinds {
		all[i] = Imported{Kind: kind, From: run.Starts, To: run.Ends, Resumed: resumed}
		f := &fetcher{Bridge: b, kind: kind, tally: &all[i], patience: patience{limit: b.Patience}, erased: erased, assigned: map[[2]string]bool{}}
		for _, w := range left {
			if w.Kind == kind {
				f.left = append(f.left, w)
			}
		}
		if !resumed && len(f.left) > 0 {
			all[i].From = f.left[0].Starts // each kind goes on from its own place in a sync
		}
		kinds.Go(func() { errs[i] = f.run(ctx) })
	}
	kinds.Wait()
	// What came of a conversation before it was known to be erased, a message beside it perhaps, goes now.
	errs = append(errs, b.scrubWaiting(context.WithoutCancel(ctx)), b.wipe(ctx))
	if err := errors.Join(errs...); err != nil {
		if Unauthorized(err) && !slices.ContainsFunc(all, func(i Imported) bool { return i.Windows > 0 }) {
			return nil, err // there is nothing to tell
		}
		return all, err
	}
	if ctx.Err() != nil { // in the last request: what it asked for is done, and the run goes on from there
		return all, context.Cause(ctx)
	}
	if err := b.Store.FinishRun(context.WithoutCancel(ctx), run); err != nil {
		return all, err
	}
	aside, old := 0, 0
	for _, one := range all {
		aside, old = aside+one.Aside, old+one.TooOld
	}
	var partly []error
	if aside > 0 {
		partly = append(partly, fmt.Errorf("%w: %d could not be read", ErrAside, aside))
	}
	if old > 0 {
		partly = append(partly, fmt.Errorf("%w: %d windows", ErrTooOld, old))
	}
	return all, errors.Join(partly...)
}
