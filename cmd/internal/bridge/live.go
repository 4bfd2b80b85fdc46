package bridge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A Live keeps every source of a connection current with what Dixa's webhooks tell of. An event is a hint: it is stored,
// and says of a conversation that it has changed. One lane for each kind then asks the same exports as an import does,
// once for all that waits, and one lane pushes exactly those records, ahead of any backfill. What was never delivered, a
// refresh brings every so often.
type Live struct {
	*Bridge         // spends ahead of anything else
	backlog *Bridge // leaves to live rows what they need
	LiveOptions
	inbox    *store.Inbox
	pokes    map[string]chan struct{} // by part, that something is stale
	kinds    atomic.Pointer[[]string] // to be kept current
	covering store.Run                // whose windows cover what the lanes fetch
	began    time.Time
	pulse    atomic.Int64 // Unix milliseconds of the last time that it tried to say that it is alive
	beat     atomic.Int64 // of the last time that it could
	renewed  atomic.Int64 // of the last refresh
	failing  atomic.Bool  // the last events could not be stored
}

// LiveOptions say how to keep sources current.
type LiveOptions struct {
	Every     time.Duration // how often to refresh
	NoMembers bool          // as in PushOptions
	// Sent is told of registrations that Plecto has accepted, by the name of the source; it may be nil.
	Sent func(source string, registrations int)
}

// NewLive returns a Live that takes events; Run keeps the sources current, and Close ends it.
func (b *Bridge) NewLive(ctx context.Context, o LiveOptions) (*Live, error) {
	first, rest := *b, *b
	first.live, first.beside, rest.beside = true, true, true
	l := &Live{Bridge: &first, backlog: &rest, LiveOptions: o, pokes: map[string]chan struct{}{}, began: time.Now()}
	for _, part := range append(Kinds(), store.Registrations, backlogPart) {
		l.pokes[part] = make(chan struct{}, 1)
	}
	if err := l.choose(ctx); err != nil {
		return nil, err
	}
	if err := l.alive(ctx); err != nil {
		return nil, err
	}
	l.inbox = b.Store.Inbox(l.turned)
	return l, nil
}

// Close stores what was received and says that this is the orderly end.
func (l *Live) Close() error {
	l.inbox.Close()
	return l.Store.Rest(context.Background())
}

// backlogPart pokes the push of what no event told of.
const backlogPart = "backlog"

func (l *Live) poke(part string) {
	select {
	case l.pokes[part] <- struct{}{}:
	default:
	}
}

// choose looks which kinds are to be kept current.
func (l *Live) choose(ctx context.Context) error {
	sources, err := l.Store.Sources(ctx)
	if err != nil {
		return err
	}
	kinds := kindsOf(sources)
	l.kinds.Store(&kinds)
	return nil
}

// Receive stores an event and what it makes stale, and returns when both are on the disk. It asks nobody. Fresh says that
// the event was not there before. [store.ErrBusy] says that it was not tried.
func (l *Live) Receive(e dixa.Event) (fresh bool, err error) {
	one := store.Event{ID: e.ID, Type: e.Type, CSID: e.CSID, At: e.At, Stale: staleFrom(e, *l.kinds.Load(), time.Now())}
	fresh, err = l.inbox.Put(one)
	if fresh && err == nil {
		for _, s := range one.Stale {
			l.poke(s.Part)
		}
	}
	return fresh, err
}

// turned is told when events cannot be stored any more, and when they are again.
func (l *Live) turned(err error) {
	l.failing.Store(err != nil)
	if err != nil {
		l.Log.Error("events cannot be stored", "error", err)
	} else {
		l.Log.Info("events are stored again")
	}
}

// Ready reports why events may be lost or get no further; empty while they are stored and refreshes succeed.
func (l *Live) Ready(now time.Time) string {
	if l.failing.Load() {
		return "events cannot be stored"
	}
	if beat := time.UnixMilli(l.beat.Load()); now.Sub(beat) > 3*beatEvery {
		return "the cache was last written to at " + beat.UTC().Format(time.RFC3339)
	}
	if since := l.refreshed(); now.Sub(since) > 3*l.Every {
		return "the last refresh was at " + since.UTC().Format(time.RFC3339)
	}
	return ""
}

// Beating reports whether it still works, whatever the services and the disk do.
func (l *Live) Beating(now time.Time) bool {
	return now.Sub(time.UnixMilli(l.pulse.Load())) < 12*beatEvery
}

// refreshed returns when it last caught up, or when it began where it has not yet.
func (l *Live) refreshed() time.Time {
	if ms := l.renewed.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return l.began
}

// Run keeps the sources current until ctx ends, which is no error, or until the cache fails.
func (l *Live) Run(ctx context.Context) error {
	var err error
	now := time.Now()
	if l.covering, err = l.Store.StartRun(ctx, store.Run{Command: "serve", Kinds: *l.kinds.Load(), Starts: now, Ends: now, Open: true, Began: now}, nil); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make(chan error, 8)
	var all sync.WaitGroup
	for _, work := range []func(context.Context) error{
		l.beats, l.refreshes, l.backlogs,
		l.conversationLane().run, l.logLane(dixa.Messages).run, l.logLane(dixa.Activities).run, l.pushLane().run,
	} {
		all.Go(func() {
			if err := work(ctx); err != nil {
				errs <- err
				cancel(err)
			}
		})
	}
	all.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		failed = append(failed, err)
	}
	return errors.Join(append(failed, l.Store.FinishRun(context.WithoutCancel(ctx), l.covering))...)
}

// beatEvery is how often it says that it is alive.
const beatEvery = 5 * time.Second

func (l *Live) alive(ctx context.Context) error {
	l.pulse.Store(time.Now().UnixMilli())
	err := l.Store.Beat(ctx)
	if err == nil {
		l.beat.Store(time.Now().UnixMilli())
	}
	return err
}

func (l *Live) beats(ctx context.Context) error {
	swept := time.Time{}
	for {
		soon, cancel := context.WithTimeout(ctx, beatEvery) // another process may hold the cache
		err := l.alive(soon)
		cancel()
		if err == nil && time.Since(swept) > time.Hour {
			swept = time.Now()
			err = l.Store.ForgetEvents(ctx)
		}
		if err == nil {
			err = l.choose(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := l.endure(err); err != nil {
			return err
		}
		if sleep(ctx, time.Now().Add(beatEvery)) != nil {
			return nil
		}
	}
}

// endure returns an error that makes going on senseless. Anything else passes by itself or when somebody mends it, and is
// told.
func (l *Live) endure(err error) error {
	if err == nil || cacheFailed(err) && !errors.Is(err, store.ErrFull) {
		return err
	}
	l.Log.Error("the receiver goes on", "error", err)
	return nil
}

// refreshes imports what has changed since the last time, at the start and every so often.
func (l *Live) refreshes(ctx context.Context) error {
	var trouble patience
	for {
		imported, err := l.importChanges(ctx, *l.kinds.Load())
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrAside) || errors.Is(err, ErrTooOld) {
			l.Log.Warn("refreshed in part", "error", err)
			err = nil
		}
		next := time.Now().Add(l.Every)
		if err == nil {
			err = l.Store.Refreshed(ctx)
		}
		if err == nil {
			trouble.moved()
			l.renewed.Store(time.Now().UnixMilli())
			records, changed := 0, 0
			for _, i := range imported {
				records, changed = records+i.Records, changed+i.Changed
			}
			l.Log.Info("refreshed", "records", records, "changed", changed)
		} else {
			if err := l.endure(err); err != nil {
				return err
			}
			wait, _ := trouble.failed()
			next = time.Now().Add(max(wait, trouble.wait))
		}
		l.poke(backlogPart)
		if sleep(ctx, next) != nil {
			return nil
		}
	}
}

// backlogs pushes what no event told of, at the start and whenever a refresh is done.
func (l *Live) backlogs(ctx context.Context) error {
	l.poke(backlogPart) // what was pending before does not wait for Dixa
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.pokes[backlogPart]:
		}
		pushed, err := l.backlog.Push(ctx, PushOptions{NoMembers: l.NoMembers})
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrNoSource) || errors.Is(err, ErrRejected) {
			l.Log.Warn("pushed what was pending", "error", err)
			err = nil
		}
		if err := l.endure(err); err != nil {
			return err
		}
		for _, p := range pushed {
			l.count(p)
			if p.Sent > 0 {
				l.Log.Info("pushed what was pending", "source", p.Source.Name, "sent", p.Sent, "requests", p.Requests)
			}
		}
	}
}

func (l *Live) count(p Pushed) {
	if l.Sent != nil && p.Sent > 0 {
		l.Sent(p.Source.Name, p.Sent)
	}
}

// staleFrom returns what an event makes stale of some kinds. What an event says itself is never taken over.
func staleFrom(e dixa.Event, kinds []string, now time.Time) []store.Stale {
	if e.CSID == 0 || slices.Contains(changesNothing, e.Type) {
		return nil
	}
	at := e.At
	if at.After(now) { // one of the two clocks is wrong
		at = now
	}
	changed := at
	if !slices.Contains(changesConversation, e.Type) {
		changed = time.Time{} // any answer will do: it may not show in the conversation
	}
	var all []store.Stale
	for _, kind := range kinds {
		one := store.Stale{Part: kind, CSID: e.CSID, ChangedAt: changed}
		switch kind {
		case string(dixa.Messages):
			if e.Type != messageAdded {
				continue
			}
			one.Item, one.ChangedAt = e.MessageID, earliestOf(e.MessageAt, at)
		case string(dixa.Activities):
			one.ChangedAt = at
		}
		all = append(all, one)
	}
	return all
}

// earliestOf returns the earlier of two times, either of which may be zero.
func earliestOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

const messageAdded = "CONVERSATION_MESSAGE_ADDED"

// changesConversation are the events after which the conversation itself is another, and its updated_at later.
// https://docs.dixa.io/docs/webhooks/webhooks-events
var changesConversation = []string{
	messageAdded, "CONVERSATION_CREATED", "CONVERSATION_OPEN", "CONVERSATION_PENDING", "CONVERSATION_PENDING_EXPIRED", "CONVERSATION_CLOSED",
	"CONVERSATION_ABANDONED", "CONVERSATION_ENQUEUED", "CONVERSATION_ASSIGNED", "CONVERSATION_UNASSIGNED", "CONVERSATION_TRANSFERRED",
	"CONVERSATION_NOTE_ADDED", "CONVERSATION_TAG_ADDED", "CONVERSATION_TAG_REMOVED", "CONVERSATION_RATED",
	"CONVERSATION_CUSTOM_ATTRIBUTE_UPDATED", "CONVERSATION_END_USER_REPLACED",
}

// changesNothing are the events after which no export differs.
var changesNothing = []string{
	"CONVERSATION_MESSAGE_DELIVERY_SENT", "CONVERSATION_MESSAGE_DELIVERY_DELIVERED", "CONVERSATION_MESSAGE_DELIVERY_SEEN",
	"CONVERSATION_MESSAGE_DELIVERY_INFO", "CONVERSATION_MESSAGE_DELIVERY_FAILED", "CONVERSATION_MESSAGE_DELIVERY_SPAM_COMPLAINT", "TYPING_STARTED",
}
