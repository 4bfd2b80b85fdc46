//go:build linux || darwin

package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// The benchmarks run the program as it is released, against services in this process, and report ratios against
// something in the same run, since times alone say more of the machine than of the program. Their table is in the README.

// release builds the program as it is released.
func release(b *testing.B) (program string) {
	b.Helper()
	program = filepath.Join(b.TempDir(), "dixa2plecto")
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building the program: %v\n%s", err, out)
	}
	return program
}

// A job is a Dixa with many messages over some days, an empty Plecto, and a cache for the program.
type job struct {
	*testing.B
	program string
	cache   string
	last    string // day of the range
	plecto  *plectotest.Server
	env     []string
}

func newJob(b *testing.B, messages, days int) *job {
	b.Helper()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, days)
	j := &job{B: b, program: release(b), cache: filepath.Join(b.TempDir(), "cache.db"), last: to.AddDate(0, 0, -1).Format(time.DateOnly),
		plecto: &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: -1, RequestsPerHour: -1}}}
	dixa := httptest.NewServer(&dixatest.Server{
		Bulk:      &dixatest.Bulk{Seed: 1, Messages: messages, From: from, To: to},
		Behaviour: dixatest.Behaviour{ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1},
	})
	plecto := httptest.NewServer(j.plecto)
	b.Cleanup(func() { dixa.Close(); plecto.Close() })
	j.env = []string{
		"HOME=" + b.TempDir(), "DIXA2PLECTO_DB=" + j.cache,
		"DIXA_API_TOKEN=example-token", "PLECTO_EMAIL=push@example.com", "PLECTO_PASSWORD=example-password",
		"DIXA_EXPORTS_URL=" + dixa.URL + "/v1", "DIXA_API_URL=" + dixa.URL + "/v1", "PLECTO_URL=" + plecto.URL,
		"DIXA_CONVERSATION_EXPORTS_PER_MINUTE=0", "DIXA_MESSAGE_EXPORTS_PER_MINUTE=0", "DIXA_API_REQUESTS_PER_SECOND=0", "PLECTO_REQUESTS_PER_HOUR=0",
	}
	return j
}

// run executes one command and returns how long it took, the most memory it held in MiB, and what it printed. Linux counts
// what this process holds as the least, so that the figure means something only where that is little.
func (j *job) run(args ...string) (took time.Duration, peak float64, out []byte) {
	j.Helper()
	c := exec.Command(j.program, args...)
	c.Env = j.env
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	began := time.Now()
	if err := c.Run(); err != nil {
		j.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	took = time.Since(began)
	peak = float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS == "linux" {
		peak *= 1024 // there in KiB
	}
	return took, peak / (1 << 20), stdout.Bytes()
}

// importAll imports the whole range and returns what the command counted.
func (j *job) importAll() (took time.Duration, peak float64, records, changed int) {
	j.Helper()
	took, peak, out := j.run("import", "--from", "2026-01-01", "--to", j.last, "--kind", "messages", "--json")
	var doc struct {
		Runs []struct{ Records, Changed int }
	}
	if err := json.Unmarshal(out, &doc); err != nil || len(doc.Runs) != 1 {
		j.Fatalf("import printed %s (%v)", out, err)
	}
	return took, peak, doc.Runs[0].Records, doc.Runs[0].Changed
}

// copied copies the finished records with the sqlite3 shell into another file with the same table and indexes, and as
// safely: the yardstick. It gets four times the page cache.
func (j *job) copied() time.Duration {
	j.Helper()
	target := filepath.Join(j.TempDir(), "copy.db")
	schema, err := exec.Command("sqlite3", j.cache, ".schema records").Output()
	if err != nil {
		j.Skipf("the sqlite3 shell, the yardstick, does not run: %v", err)
	}
	const columns = "kind, id, csid, created_at, updated_at, request, hash, revision, body"
	c := exec.Command("sqlite3", target)
	c.Stdin = strings.NewReader(fmt.Sprintf(`
		PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
		%s
		ATTACH '%s' AS done;
		INSERT INTO records (%s) SELECT %s FROM done.records;
		DETACH done;
		PRAGMA wal_checkpoint(TRUNCATE);`, schema, j.cache, columns, columns))
	began := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		j.Fatalf("sqlite3: %v\n%s", err, out)
	}
	return time.Since(began)
}

func (j *job) forget() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(j.cache + suffix)
	}
}

// median of the values; a run now and then is disturbed by something else.
func median[T cmp.Ordered](values []T) T { return slices.Sorted(slices.Values(values))[len(values)/2] }

// BenchmarkImport imports messages in two windows, imports them again unchanged, and copies them with the sqlite3 shell.
func BenchmarkImport(b *testing.B) {
	const messages = 240_000
	j := newJob(b, messages, 60)
	var first, again []float64
	var speed []float64
	for b.Loop() {
		j.forget()
		firstTook, _, records, changed := j.importAll()
		if records != messages || changed != messages {
			b.Fatalf("%d records, %d changed, want %d of both", records, changed, messages)
		}
		shell := j.copied()
		againTook, _, records, changed := j.importAll()
		if records != messages || changed != 0 {
			b.Fatalf("again: %d records, %d changed, want %d and none", records, changed, messages)
		}
		first = append(first, firstTook.Seconds()/shell.Seconds())
		again = append(again, againTook.Seconds()/firstTook.Seconds())
		speed = append(speed, messages/firstTook.Seconds())
	}
	b.ReportMetric(median(first), "first/sqlite3")
	b.ReportMetric(median(again), "again/first")
	b.ReportMetric(median(speed), "records/s")
}

// BenchmarkMemory imports one window of a body of some size.
func BenchmarkMemory(b *testing.B) {
	for _, size := range []struct {
		name     string
		messages int
	}{{"300MB", 280_000}, {"1.3GB", 1_210_000}} {
		b.Run(size.name, func(b *testing.B) {
			j := newJob(b, size.messages, 30)
			var peaks []float64
			for b.Loop() {
				j.forget()
				_, peak, records, _ := j.importAll()
				if records != size.messages {
					b.Fatalf("%d records, want %d", records, size.messages)
				}
				peaks = append(peaks, peak)
			}
			b.ReportMetric(slices.Max(peaks), "peak-MiB")
		})
	}
}

// BenchmarkPush pushes messages to an endpoint without a limit.
func BenchmarkPush(b *testing.B) {
	const messages = 20_000
	j := newJob(b, messages, 30)
	j.importAll()
	var speed []float64
	for b.Loop() {
		source := j.plecto.AddDataSource("Messages")
		j.run("sources", "link", "messages", source, "--name", "fresh")
		before := len(j.plecto.Requests())
		took, _, _ := j.run("push", "--source", "fresh")
		if posts := len(j.plecto.Requests()) - before - 1; posts != messages/100 { // one asks for the fields
			b.Fatalf("%d requests for %d registrations, want them in full batches", posts, messages)
		}
		if held := len(j.plecto.Registrations(source)); held != messages {
			b.Fatalf("Plecto holds %d registrations, want %d", held, messages)
		}
		j.run("sources", "remove", "fresh")
		speed = append(speed, messages/took.Seconds())
	}
	b.ReportMetric(median(speed), "registrations/s")
}

// BenchmarkHelp prints the help, the least that the program can do, beside the least that a program can do.
func BenchmarkHelp(b *testing.B) {
	j := newJob(b, 0, 1)
	var took []float64
	for b.Loop() {
		for range 20 {
			one, _, _ := j.run("--help")
			took = append(took, float64(one.Microseconds())/1000)
		}
	}
	info, err := os.Stat(j.program)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(median(took), "ms")
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
}
