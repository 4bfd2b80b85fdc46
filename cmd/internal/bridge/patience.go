package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// temporary reports whether an error may pass by itself, so that asking again makes sense.
func temporary(err error) bool {
	return errors.Is(err, dixa.ErrUnavailable) || errors.Is(err, dixa.ErrBroken) || errors.Is(err, plecto.ErrUnavailable) || errors.Is(err, store.ErrErased)
}

// throttled reports whether a service wants to be left alone, and for how long. Neither documents a header that says
// so; without one it is a minute.
func throttled(err error) (wait time.Duration, ok bool) {
	if !errors.Is(err, dixa.ErrThrottled) && !errors.Is(err, plecto.ErrThrottled) {
		return 0, false
	}
	if e, found := errors.AsType[*dixa.Error](err); found {
		wait = e.RetryAfter
	}
	if e, found := errors.AsType[*plecto.Error](err); found {
		wait = e.RetryAfter
	}
	if wait <= 0 {
		wait = time.Minute
	}
	return wait, true
}

// Temporary reports whether a flow ended because a service is down or its limit is reached, or the time was over.
func Temporary(err error) bool {
	_, wait := throttled(err)
	return wait || temporary(err) || errors.Is(err, ErrOutOfTime)
}

// Unauthorized reports whether a flow ended because a service refuses the credentials.
func Unauthorized(err error) bool {
	return errors.Is(err, dixa.ErrUnauthorized) || errors.Is(err, plecto.ErrUnauthorized)
}

// The waits between tries double from the first to the last.
const (
	firstWait = time.Second
	lastWait  = time.Minute
)

// A patience says how long to go on trying while nothing moves.
type patience struct {
	limit time.Duration
	since time.Time // the first failure since something moved
	wait  time.Duration
}

// moved starts the patience anew.
func (p *patience) moved() { p.since, p.wait = time.Time{}, 0 }

// failed returns how long to wait before the next try; ok is false when the patience is over.
func (p *patience) failed() (wait time.Duration, ok bool) {
	if p.since.IsZero() {
		p.since = time.Now()
	}
	left := p.limit - time.Since(p.since)
	p.wait = min(max(2*p.wait, firstWait), lastWait)
	return min(p.wait, left), left > 0
}

// ask makes a request from a budget again and again until it succeeds, fails for good, or the patience is over. The
// request in flight outlives ctx a little.
func (b *Bridge) ask(ctx context.Context, budget store.Budget, p *patience, progress func() Progress, request func(context.Context, ticket) error) error {
	for {
		t, err := b.spend(ctx, budget, progress)
		if err != nil {
			return err
		}
		inFlight, done := outlive(ctx)
		err = request(inFlight, t)
		done()
		if err == nil {
			p.moved()
			return nil
		}
		if held, err := b.hold(ctx, budget, err); err != nil {
			return err
		} else if held {
			continue
		}
		if !temporary(err) || ctx.Err() != nil {
			return err
		}
		wait, ok := p.failed()
		if !ok {
			return fmt.Errorf("%w (tried for %s)", err, time.Since(p.since).Round(time.Second))
		}
		b.Log.Warn("trying again", "in", wait, "error", err)
		if err := b.wait(ctx, time.Now().Add(wait), "another try", progress); err != nil {
			return err
		}
	}
}

// hold keeps everyone from a budget for as long as an error says, and reports whether it says so. A command that is
// being stopped leaves the word of the service to the next one.
func (b *Bridge) hold(ctx context.Context, budget store.Budget, err error) (bool, error) {
	wait, ok := throttled(err)
	if !ok {
		return false, nil
	}
	b.Log.Warn("a limit is reached", "budget", budget.Name, "wait", wait, "error", err)
	return true, b.Store.Hold(context.WithoutCancel(ctx), budget, time.Now().Add(wait))
}

// wait tells of a wait and sits it out.
func (b *Bridge) wait(ctx context.Context, until time.Time, why string, progress func() Progress) error {
	p := progress()
	p.Until, p.Why = until, why
	b.report(p)
	return sleep(ctx, until)
}
