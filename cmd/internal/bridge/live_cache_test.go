package bridge

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// locked has another process write to the cache for a while, which is done before it returns.
func (l *liveRig) locked(d time.Duration, each func()) {
	l.Helper()
	db, err := sql.Open("sqlite", "file:"+l.file)
	l.must(err)
	defer db.Close()
	c, err := db.Conn(l.Context())
	l.must(err)
	defer c.Close()
	l.must(written(c, "BEGIN IMMEDIATE"))
	for range int(d / time.Second) {
		each()
		time.Sleep(time.Second)
	}
	_, err = c.ExecContext(l.Context(), "ROLLBACK")
	l.must(err)
}

// written executes a statement as soon as nobody else writes.
func written(c interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statement string) (err error) {
	for range 1000 {
		if _, err = c.ExecContext(context.Background(), statement); err == nil || !strings.Contains(err.Error(), "locked") {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

func TestTheWatchdogIsContentWhileAnotherProcessHoldsTheCache(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		n := int64(0)
		var all sync.WaitGroup
		l.locked(40*time.Second, func() {
			n++
			e := event("CONVERSATION_CLOSED", n)
			all.Go(func() { live.Receive(e) })
			if quiet := time.Since(time.UnixMilli(live.pulse.Load())); !live.Beating(time.Now()) || quiet > 3*beatEvery {
				l.Errorf("%d s on, it has not tried to say that it is alive for %v", n, quiet)
			}
		})
		all.Wait()
		time.Sleep(2 * beatEvery)
		l.equal("why it is not ready afterwards", live.Ready(time.Now()), "")
	})
}

func TestEventsThatCannotBeStoredAreToldOnceAndMakeItNotReady(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		warned := l.warned()
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		l.drained(time.Minute)
		to := &Receiver{Live: live, Secrets: l.secrets}
		db, err := sql.Open("sqlite", "file:"+l.file)
		l.must(err)
		defer db.Close()
		for round := range 2 {
			l.equal("why it is not ready at first", live.Ready(time.Now()), "")
			l.must(written(db, `CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'broken'); END`))
			for n := range 50 {
				l.equal("the answer", l.receives(to, l.asks(fmt.Sprint(round, n))).Code, 503)
			}
			l.equal("why it is not ready", live.Ready(time.Now()), "events cannot be stored")
			l.must(written(db, `DROP TRIGGER broken`))
			l.equal("the answer", l.receives(to, l.asks(fmt.Sprint(round, 0))).Code, 204)
			l.equal("why it is not ready afterwards", live.Ready(time.Now()), "")
		}
		stop()
		l.equal("lines", strings.Count(warned.String(), "\n"), 2)
		l.equal("lines of it", strings.Count(warned.String(), `msg="events cannot be stored"`), 2)
	})
}

func TestRowsWaitWithTheirLagWhileTheCacheIsLocked(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		l.drained(time.Minute)
		posts, release := len(l.posts()), make(chan struct{})
		l.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: posts + 1, Hold: release})
		began := time.Now()
		l.tell(live, l.change(1))
		l.comes(l.plecto.Reached("registrations", posts+1))
		l.locked(40*time.Second, func() {
			if release != nil {
				close(release)
				release = nil
			}
		})
		time.Sleep(time.Second)
		now, err := l.Store.Live(l.Context())
		l.must(err)
		l.equal("what waits, and since when", []any{now.Unpushed, now.OldestUnpushed}, []any{1, began.UTC()})
		l.drained(firstRest + 5*time.Second)
		l.state(1, time.Now(), "closed")
		l.tell(live, event("CONVERSATION_CLOSED", 1))
		l.gets(1, "closed", 2*time.Second)
	})
}
