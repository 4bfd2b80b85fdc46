// Package bridge holds every flow of the program, and the mapping from a record to a registration. It is the only
// package that knows both sides: records come from Dixa into the cache, registrations go from the cache to Plecto.
//
// A context that ends stops a flow at the next place where nothing is lost: a request in flight may end, what has come
// is committed, and the same call later goes on from there.
package bridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// Kinds returns the kinds of record there are, in the order in which they are shown.
func Kinds() []string {
	return []string{string(dixa.Conversations), string(dixa.Messages), string(dixa.Activities)}
}

// Why a flow did not do all that was asked.
var (
	// ErrUsage: what was asked for makes no sense; nothing was contacted.
	ErrUsage = errors.New("wrong usage")
	// ErrNoSource: nothing is linked that could be pushed to.
	ErrNoSource = errors.New("no source is linked")
	// ErrRejected: all was sent, and Plecto rejects some of it.
	ErrRejected = errors.New("registrations are rejected")
	// ErrAside: all was fetched, and some of it could not be read and is set aside.
	ErrAside = errors.New("records are set aside")
	// ErrTooOld: all was fetched that Dixa gives, and some of what was asked for it does not give any more.
	ErrTooOld = errors.New("activities are older than Dixa gives")
	// ErrAllRefused: Plecto refuses everything a source sends, so that the cause is not in single rows.
	ErrAllRefused = errors.New("everything is refused")
	// ErrOutOfTime: the time that the command was given is over.
	ErrOutOfTime = errors.New("the time for this command is over")
)

// A Bridge connects one Dixa organisation with one Plecto organisation. Flows that write (Import, Push, Sync) are to be
// run one at a time for a cache: see [store.Lock].
type Bridge struct {
	Store  *store.Store
	Dixa   *dixa.Client   // nil for flows that do not ask Dixa
	Plecto *plecto.Client // nil for flows that do not ask Plecto
	Limits Limits
	// Patience is how long trouble is met with further tries while nothing moves.
	Patience time.Duration
	// Report is told how a flow gets on, from several goroutines; it may be nil.
	Report func(Progress)
	Log    *slog.Logger

	live bool // asks for what events told of, ahead of anything else
	// beside says that other commands may run meanwhile.
	beside bool
}

// Progress tells how far a flow has come with one kind or source.
type Progress struct {
	Flow string // import, push or verify
	Name string // the kind imported, the source pushed to or compared
	// Done and Total count windows in an import, registrations in a push, requests in a verify.
	Done, Total int
	Records     int   // read, in an import
	Bytes       int64 // read, in an import
	// Budget and Left say how many requests the budget still allows; Left is -1 where it is lifted.
	Budget string
	Left   int
	// Least is how long the budget makes the rest take at the least.
	Least time.Duration
	// Until is set while the flow waits, and Why says for what.
	Until time.Time
	Why   string
	// Finished says that nothing more will come for this name.
	Finished bool
}

func (b *Bridge) report(p Progress) {
	if b.Report != nil {
		b.Report(p)
	}
}

// grace is how long a request in flight may go on after the flow was told to stop.
const grace = 5 * time.Second

// outliving marks a context that outlive has made.
type outliving struct{}

// outlive returns a context that ends grace later than ctx, for a request that should come to its end. A request that is
// part of another has no grace of its own.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Value(outliving{}) != nil {
		return ctx, func() {}
	}
	longer, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), outliving{}, true))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(grace):
			cancel(context.Cause(ctx))
		}
	})
	return longer, func() { stop(); cancel(nil) }
}

// meanwhile runs something beside a flow. The function it returns waits for it to end, no longer than the patience.
func (b *Bridge) meanwhile(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		enough := time.AfterFunc(b.Patience, func() { cancel(ErrOutOfTime) })
		<-done
		enough.Stop()
		cancel(nil)
	}
}

// sleep waits until a moment, or returns why ctx ended before.
func sleep(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kindsOf returns the kinds that have a source, or conversations and messages where there is none.
func kindsOf(sources []store.Source) []string {
	kinds := slices.DeleteFunc(Kinds(), func(kind string) bool {
		return !slices.ContainsFunc(sources, func(s store.Source) bool { return s.Kind == kind })
	})
	if len(kinds) == 0 {
		return Kinds()[:2]
	}
	return kinds
}
