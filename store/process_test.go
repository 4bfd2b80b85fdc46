package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"strconv"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// jobEnv names the job of a process that a test starts: this program again.
const jobEnv = "STORE_TEST_JOB"

// A job is what another process does with the cache at path; stop is closed when its test has had enough of it.
type job func(ctx context.Context, path string, stop <-chan struct{}) error

func TestMain(m *testing.M) {
	do, ok := map[string]job{
		"open and close": openAndClose,
		"hold a turn":    holdTurn,
		"take turns":     takeTurns,
		"import":         importSlowly,
		"remove the log": removeLog,
	}[os.Getenv(jobEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	if err := do(context.Background(), os.Args[1], stop); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A process has the cache open beside the test.
type process struct {
	t   *testing.T
	cmd *osexec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// begin starts a process with a job.
func begin(t *testing.T, job, path string) *process {
	t.Helper()
	cmd := osexec.Command(os.Args[0], path)
	cmd.Env, cmd.Stderr = append(os.Environ(), jobEnv+"="+job), os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &process{t, cmd, in, bufio.NewScanner(out)}
}

// says waits for the next line that the process prints.
func (p *process) says() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the other process says nothing: %v", p.out.Err())
	}
	return p.out.Text()
}

// stop has the process come to its end, and returns the line that it then prints, if any.
func (p *process) stop() (last string) {
	p.t.Helper()
	must(p.t, p.in.Close())
	return p.end()
}

// end waits until the process ends by itself.
func (p *process) end() (last string) {
	p.t.Helper()
	for p.out.Scan() {
		last = p.out.Text()
	}
	must(p.t, p.cmd.Wait())
	return last
}

// kill ends the process as the kernel does where memory is short.
func (p *process) kill() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Kill())
	var ended *osexec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &ended) {
		p.t.Fatalf("the other process ended before it was killed: %v", err)
	}
}

// openAndClose says how many messages there are.
func openAndClose(ctx context.Context, path string, _ <-chan struct{}) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	records, _, err := s.Count(ctx, "messages")
	fmt.Println(records)
	return errors.Join(err, s.Close())
}

// removeLog says whether it could, which it must not while anybody has the cache open.
func removeLog(ctx context.Context, path string, _ <-chan struct{}) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `PRAGMA journal_mode = DELETE`)
	fmt.Println(err == nil)
	return db.Close()
}

func holdTurn(ctx context.Context, path string, stop <-chan struct{}) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	done, err := s.Turn(ctx)
	if err != nil {
		return err
	}
	fmt.Println("it is mine")
	<-stop
	done()
	return s.Close()
}

// turnsTaken is how often takeTurns does so.
const turnsTaken = 100

// takeTurns counts its turns in a file beside the cache that only the one whose turn it is touches.
func takeTurns(ctx context.Context, path string, _ <-chan struct{}) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	for range turnsTaken {
		done, err := s.Turn(ctx)
		if err != nil {
			return err
		}
		n, err := countTurn(path)
		done()
		if err != nil {
			return fmt.Errorf("after %d turns: %w", n, err)
		}
	}
	return s.Close()
}

func countTurn(path string) (before int, err error) {
	text, err := os.ReadFile(path + ".count")
	if err == nil {
		before, err = strconv.Atoi(string(text))
	}
	if err != nil {
		return 0, err
	}
	return before, os.WriteFile(path+".count", []byte(strconv.Itoa(before+1)), 0o600)
}

// importSlowly saves batch after batch, each a transaction of its own, and says at the end how many it was.
func importSlowly(ctx context.Context, path string, stop <-chan struct{}) error {
	if err := sqlite.RegisterScalarFunction("pause", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		time.Sleep(time.Duration(args[0].(int64)) * time.Millisecond)
		return nil, nil
	}); err != nil {
		return err
	}
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	w := store.Window{Kind: "messages", By: "created", Starts: hour(0), Ends: hour(1)}
	batches := make(chan store.Batch)
	saved := make(chan error, 1)
	go func() {
		_, err := s.Save(ctx, store.Answer{Window: w, Request: 1, Asked: hour(1)}, batches)
		saved <- err
	}()
	n, stopped := 0, false
	for ; n < slowBatches && !stopped; n++ {
		select {
		case batches <- store.Batch{Records: messages(n*slowRows, (n+1)*slowRows)}:
		case <-stop:
			stopped = true
		case err := <-saved:
			return errors.Join(err, s.Close())
		}
		if n == 2 {
			fmt.Println("it is at work")
		}
	}
	close(batches)
	err = <-saved
	fmt.Println(n)
	return errors.Join(err, s.Close())
}
