package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

const (
	// mostPushed is how many conversations one round of the push lane takes.
	mostPushed = 500
	// restAfter is how long a source that Plecto takes nothing for is left alone, so that it does not hold up the others.
	restAfter = 5 * time.Minute
)

// pushLane pushes what was fetched for events: all that is pending of those conversations, to every source.
func (l *Live) pushLane() *lane {
	n := newLane(l, store.Registrations, l.Limits.registrations())
	p := &pushLane{lane: n, resting: map[int64]time.Time{}}
	n.due, n.work = p.todo, p.send
	return n
}

type pushLane struct {
	*lane
	resting map[int64]time.Time // until when sources are left alone, by id
}

func (l *pushLane) todo(ctx context.Context) (todo, time.Time, error) {
	return l.sift(ctx, func(context.Context, []store.Stale) (map[staleKey]bool, error) { return nil, nil })
}

// send sends what is pending of conversations and settles them. Where one source takes nothing, its registrations stay
// pending for the backlog; where Plecto is in trouble, everything waits.
func (l *pushLane) send(ctx context.Context) error {
	what, _, err := l.due(ctx)
	if err != nil || what.empty() {
		return err
	}
	what.stale = what.stale[:min(len(what.stale), mostPushed)]
	csids := make([]int64, len(what.stale))
	for i, s := range what.stale {
		csids[i] = s.CSID
	}
	sources, err := l.Store.Sources(ctx)
	if err != nil {
		return err
	}
	began, requests, sent := time.Now(), 0, 0
	telling := &introduction{}
	for _, src := range sources {
		if time.Now().Before(l.resting[src.ID]) {
			continue
		}
		p := l.pusher(PushOptions{NoMembers: l.NoMembers}, src)
		p.telling = telling
		err := p.threads(ctx, csids)
		requests, sent = requests+p.tally.Requests, sent+p.tally.Sent
		l.count(p.tally)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case Temporary(err), Unauthorized(err), cacheFailed(err):
			return fmt.Errorf("source %q: %w", src.Name, err)
		default:
			l.resting[src.ID] = time.Now().Add(restAfter)
			l.Log.Error("a source is left alone for a while", "source", src.Name, "error", err)
		}
	}
	l.pace(began, max(requests, 1))
	oldest := time.Since(what.stale[0].Since).Round(100 * time.Millisecond)
	l.Log.Info("pushed", "conversations", len(csids), "sent", sent, "requests", requests, "lag", oldest)
	return l.Store.Settle(context.WithoutCancel(ctx), what.stale)
}

// threads sends what is pending of some conversations, wherever the source stands in the change log.
func (p *pusher) threads(ctx context.Context, csids []int64) error {
	err := p.describe(ctx)
	if err == nil {
		p.mapping, err = p.planned(ctx, p.tally.Source)
	}
	if err != nil {
		return err
	}
	var batch []item
	for chunk := range slices.Chunk(csids, pageThreads) {
		found, err := p.items(ctx, p.mapping, chunk, nil)
		if err != nil {
			return err
		}
		for _, csid := range chunk {
			for _, it := range found.ofThread[csid] {
				if it.state.pending() {
					batch = append(batch, it)
				}
			}
		}
		for len(batch) >= plecto.MaxBatch {
			if err := p.send(ctx, batch[:plecto.MaxBatch], 0); err != nil {
				return err
			}
			batch = batch[plecto.MaxBatch:]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return p.send(ctx, batch, 0)
}
