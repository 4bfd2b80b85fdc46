//go:build unix

package main_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// signingSecret is what events are signed with where a test does not say otherwise, in hex.
const signingSecret = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77"

// A receiver is a `serve` under way, in a process of its own.
type receiver struct {
	testing.TB
	*exec.Cmd
	stdout, stderr output
	ended          chan struct{}
	host, hook     string // where it listens, and the path that takes events
}

// launch starts the program as a receiver and returns at once; env wins over the secret, and flags over the free port.
func launch(tb testing.TB, program string, env []string, flags ...string) *receiver {
	tb.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	r := &receiver{TB: tb, Cmd: exec.CommandContext(tb.Context(), program, args...), ended: make(chan struct{})}
	r.Env = append([]string{"DIXA_WEBHOOK_SECRET=" + signingSecret}, env...) // the last of a name counts
	r.Stdout, r.Stderr = &r.stdout, &r.stderr
	if err := r.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.Wait() // the state tells how it ended
	}()
	return r
}

// listening waits until it says where it listens.
func (r *receiver) listening() *receiver {
	r.Helper()
	var line string
	r.until("it listens", func() bool {
		var whole bool
		line, _, whole = strings.Cut(r.stdout.String(), "\n")
		return whole
	})
	u, err := url.Parse(strings.TrimPrefix(line, "listening on "))
	if err != nil || u.Host == "" {
		r.Fatalf("serve printed %q (%v)", line, err)
	}
	r.host, r.hook = u.Host, u.Path
	return r
}

// until waits for something to come about while the receiver runs.
func (r *receiver) until(what string, happened func() bool) {
	r.Helper()
	for deadline := time.Now().Add(tooLong); !happened(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-r.ended:
			r.Fatalf("serve ended (%v) before: %s\n%s", r.ProcessState, what, &r.stderr)
		default:
		}
		if time.Now().After(deadline) {
			r.Fatalf("in vain waited for: %s\n%s", what, &r.stderr)
		}
	}
}

// end waits for the end and returns how it came.
func (r *receiver) end() syscall.WaitStatus {
	r.Helper()
	select {
	case <-r.ended:
	case <-time.After(tooLong):
		r.Fatalf("serve does not end\n%s", &r.stderr)
	}
	return r.ProcessState.Sys().(syscall.WaitStatus)
}

// kill ends it with SIGKILL.
func (r *receiver) kill() {
	r.Helper()
	_ = r.Process.Kill()
	if !r.end().Signaled() {
		r.Fatalf("serve was not killed, but ended by itself: %v\n%s", r.ProcessState, &r.stderr)
	}
}

// stop tells it to end, which it does with 0.
func (r *receiver) stop() {
	r.Helper()
	_ = r.Process.Signal(syscall.SIGTERM)
	r.stopped()
}

// stopped waits for it to end with 0.
func (r *receiver) stopped() {
	r.Helper()
	if status := r.end(); !status.Exited() || status.ExitStatus() != 0 {
		r.Fatalf("serve, told to stop: %v\n%s", r.ProcessState, &r.stderr)
	}
}

// peak returns the most memory that it held so far in MiB; 0 where the system does not tell.
func (r *receiver) peak() (mib float64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(rest, &mib)
	return mib / 1024
}

// events returns the ids of all events in a cache.
func events(tb testing.TB, cache string) map[string]bool {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+cache+"?_pragma=busy_timeout(10000)")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(tb.Context(), `SELECT id FROM events`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			tb.Fatal(err)
		}
		all[id] = true
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}

// missing counts the events that were acknowledged and are not in a cache.
func missing(tb testing.TB, cache string, sent []delivered) (acknowledged, missing int) {
	tb.Helper()
	stored := events(tb, cache)
	for _, d := range sent {
		if d.status/100 != 2 {
			continue
		}
		acknowledged++
		if !stored[d.id] {
			missing++
		}
	}
	return acknowledged, missing
}

// stale counts what events told of and is not in Plecto yet.
func stale(tb testing.TB, cache string) (n int) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+cache+"?_pragma=busy_timeout(10000)")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(tb.Context(), `SELECT count(*) FROM stale WHERE fetched = 0`).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}
