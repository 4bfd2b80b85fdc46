package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrBusy says that more events are waiting to be stored than the inbox takes.
var ErrBusy = errors.New("too many events are waiting")

// An Event is what is kept of one of Dixa's webhook events.
type Event struct {
	ID   string // told once for each
	Type string
	CSID int64     // the conversation it names, 0 where it names none
	At   time.Time // when it happened, in Dixa's words; zero where it does not say
	// Stale is what the event makes stale, its Part, CSID, Item and ChangedAt.
	Stale []Stale
}

// Events are kept this long: one that is delivered again later counts as new, which costs a fetch.
const eventsKept = 31 * 24 * time.Hour

const (
	inboxSize  = 2048 // events that may wait
	inboxBatch = 512  // events of one transaction
	// inboxTime is how long events wait for other processes before they are refused: whoever sent them waits too.
	inboxTime = 4 * time.Second
)

// An Inbox stores events, many of them with one write to the disk.
type Inbox struct {
	store  *Store
	turned func(error)
	failed bool // the last batch
	put    chan arrival
	closed chan struct{}
	mu     sync.RWMutex
	shut   bool
}

type arrival struct {
	event Event
	done  chan<- outcome
}

type outcome struct {
	fresh bool
	err   error
}

// Inbox begins to take events. It has to be closed before the store is. Turned, which may be nil, is called with the error
// when events cannot be stored any more, and with nil when they are again; those who put them are told after that.
func (s *Store) Inbox(turned func(error)) *Inbox {
	in := &Inbox{store: s, turned: turned, put: make(chan arrival, inboxSize), closed: make(chan struct{})}
	go in.run()
	return in
}

// Close stores what was put, and takes no more.
func (in *Inbox) Close() {
	in.mu.Lock()
	if !in.shut {
		in.shut = true
		close(in.put)
	}
	in.mu.Unlock()
	<-in.closed
}

// Put stores an event, once for each id, and marks what it makes stale in the same transaction. When it returns without
// an error, the event is on the disk; fresh says that it was not there before. ErrBusy says that it was not tried.
func (in *Inbox) Put(e Event) (fresh bool, err error) {
	done := make(chan outcome, 1)
	in.mu.RLock()
	err = ErrBusy
	if !in.shut {
		select {
		case in.put <- arrival{e, done}:
			err = nil
		default:
		}
	}
	in.mu.RUnlock()
	if err != nil {
		return false, err
	}
	o := <-done
	return o.fresh, o.err
}

func (in *Inbox) run() {
	defer close(in.closed)
	for first := range in.put {
		batch := []arrival{first}
		for more := true; more && len(batch) < inboxBatch; {
			var a arrival
			select {
			case a, more = <-in.put:
				if more {
					batch = append(batch, a)
				}
			default:
				more = false
			}
		}
		in.save(batch)
	}
}

// save stores some events together or, where that fails, tells each so.
func (in *Inbox) save(batch []arrival) {
	fresh := make([]bool, len(batch))
	ctx, cancel := context.WithTimeout(context.Background(), inboxTime)
	defer cancel()
	err := in.store.durably(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now := millis(time.Now())
		for i, a := range batch {
			var err error
			if fresh[i], err = saveEvent(ctx, tx, a.event, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("store: saving events: %w", err)
	}
	if failed := err != nil; failed != in.failed {
		in.failed = failed
		if in.turned != nil {
			in.turned(err)
		}
	}
	for i, a := range batch {
		a.done <- outcome{fresh[i] && err == nil, err}
	}
}

func saveEvent(ctx context.Context, tx *sql.Tx, e Event, now int64) (fresh bool, err error) {
	var mark int64
	err = tx.QueryRowContext(ctx, `INSERT INTO events (id, type, csid, at, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING mark`,
		e.ID, e.Type, orNull(e.CSID), orNull(millis(e.At)), now).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, st := range e.Stale {
		if _, err := tx.ExecContext(ctx, `INSERT INTO stale (part, csid, item, since, newest, changed_at, mark) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET since = iif(fetched, excluded.since, since), newest = excluded.newest, changed_at = max(changed_at, excluded.changed_at), mark = excluded.mark,
				wait = 0, next_at = 0, fetched = 0`,
			st.Part, st.CSID, st.Item, now, now, millis(st.ChangedAt), mark); err != nil {
			return false, err
		}
	}
	return true, nil
}

// durably runs fn in a transaction that is on the disk when it is committed, also should the power fail then.
// https://sqlite.org/pragma.html#pragma_synchronous
func (s *Store) durably(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	c, err := s.writer.Conn(ctx)
	if err != nil {
		return explain(err)
	}
	defer c.Close()
	// Of the connection, which is the only one that writes: that other transactions become as safe does no harm.
	if _, err := c.ExecContext(ctx, `PRAGMA synchronous = FULL`); err != nil {
		return explain(err)
	}
	return transact(ctx, c, func(tx *sql.Tx) error { return fn(ctx, tx) })
}

// ForgetEvents lets go of events that were received too long ago to come again.
func (s *Store) ForgetEvents(ctx context.Context) error {
	for more := true; more; {
		err := s.tx(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, `DELETE FROM events WHERE mark IN (SELECT mark FROM events WHERE received_at < ? LIMIT 1000)`, millis(time.Now().Add(-eventsKept)))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			more = n > 0
			return err
		})
		if err != nil {
			return fmt.Errorf("store: forgetting events: %w", err)
		}
	}
	return nil
}
