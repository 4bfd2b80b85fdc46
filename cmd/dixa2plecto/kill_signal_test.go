//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// stuck starts an import that gets no further than the middle of its third window of messages.
func (r *rig) stuck() *process {
	r.Helper()
	p := stall(dixatest.MessageExport, "in the middle of the body", []int64{0, 0, 10_000})
	there, _ := p.arrange(r, p.of)
	stuck := r.start(nil, commandLine("import")...)
	stuck.until("that alone is left", func() bool {
		if !there(stuck) || r.whole(dixatest.ConversationExport) != windowsOfRange {
			return false
		}
		var others int
		r.query(`SELECT count(*) FROM windows WHERE kind <> 'messages' AND done_at IS NULL`, &others)
		return others == 0
	})
	return stuck
}

// whole counts the requests to an endpoint of Dixa's that were answered to the end.
func (r *rig) whole(endpoint string) (whole int) {
	for _, request := range r.dixa.Requests() {
		if request.Endpoint == endpoint && request.Whole {
			whole++
		}
	}
	return whole
}

func testTold(t *testing.T, reference *rig) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			r := reference.another(t)
			r.link()
			stuck := r.stuck()
			_ = stuck.Process.Signal(signal)
			select {
			case <-stuck.ended:
			case <-time.After(10 * time.Second):
				t.Fatal("it takes longer than 10 seconds")
			}
			stuck.ends(code)
			r.killed["import"]++ // one window is asked for again, as after a kill
			r.finish("import", "push")
			r.check(reference.registrations())
		})
	}
}

func testToldTwice(t *testing.T, reference *rig) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			r := reference.another(t)
			stuck := r.stuck()
			// Signals that come before the first is heard count as that one.
			r.eventually("it ends", func() bool {
				_ = stuck.Process.Signal(signal)
				return stuck.over()
			})
			stuck.ends(128 + int(signal))
			if said := stuck.stderr.String(); strings.Contains(said, "error:") {
				t.Errorf("it came to its own end: %s", said) // the first signal's, some seconds later
			}
		})
	}
}

func testSecondRun(t *testing.T, reference *rig) {
	r := reference.another(t)
	r.link()
	holder := r.stuck()
	before := len(r.dixa.Requests()) + len(r.plecto.Requests())
	for _, command := range []string{"import", "push", "sync"} {
		r.start(nil, commandLine(command)...).ends(75)
	}
	if after := len(r.dixa.Requests()) + len(r.plecto.Requests()); after != before {
		t.Errorf("%d requests were made beside the first run", after-before)
	}
	holder.kill()
	r.finish("import", "push")
	r.check(reference.registrations())
}

// testFirstMoments kills the program while it makes its cache.
func testFirstMoments(t *testing.T, reference *rig) {
	r := reference.another(t)
	for delay := time.Duration(0); delay < 30*time.Millisecond; delay += time.Millisecond {
		made, err := filepath.Glob(r.cache + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range made {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		p := r.start(nil, "sources", "link", "messages", r.sources["messages"])
		select {
		case <-p.ended:
		case <-time.After(delay):
		}
		p.kill()
		r.link()
		r.checkIntegrity()
	}
	r.finish("import", "push")
	r.check(reference.registrations())
}
