//go:build unix

package main_test

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process is a command under way.
type process struct {
	*exec.Cmd
	rig            *rig
	stdout, stderr output
	ended          chan struct{}
}

// output is what a process has printed so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start starts a command; env wins over the rig's own.
func (r *rig) start(env []string, args ...string) *process {
	r.Helper()
	p := &process{Cmd: exec.CommandContext(r.Context(), r.program, args...), rig: r, ended: make(chan struct{})}
	p.Env = append(r.env[:len(r.env):len(r.env)], env...) // the last of a name counts
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		r.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // the state tells how it ended
	}()
	return p
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// tooLong is far beyond what anything here takes, on a slow machine too.
const tooLong = time.Minute

// end waits for the process and returns how it ended.
func (p *process) end() syscall.WaitStatus {
	p.rig.Helper()
	select {
	case <-p.ended:
	case <-time.After(tooLong):
		p.rig.Fatalf("%v does not end\n%s", p.Args[1:], &p.stderr)
	}
	return p.ProcessState.Sys().(syscall.WaitStatus)
}

// ends waits for the process and holds its exit code against the one expected.
func (p *process) ends(code int) {
	p.rig.Helper()
	if status := p.end(); !status.Exited() || status.ExitStatus() != code {
		p.rig.Fatalf("%v: %v, expected exit status %d\n%s", p.Args[1:], p.ProcessState, code, &p.stderr)
	}
}

// run runs a command to its end and returns what it printed.
func (r *rig) run(args ...string) string {
	r.Helper()
	p := r.start(nil, args...)
	p.ends(0)
	return p.stdout.String()
}

// finish runs commands to their end, one after the other.
func (r *rig) finish(commands ...string) {
	r.Helper()
	for _, command := range commands {
		r.run(commandLine(command)...)
	}
}

// until waits for something to come about while the process runs.
func (p *process) until(what string, happened func() bool) {
	p.rig.Helper()
	p.rig.eventually(what, func() bool {
		if p.over() {
			p.rig.Fatalf("%v ended (%v) before: %s\n%s", p.Args[1:], p.ProcessState, what, &p.stderr)
		}
		return happened()
	})
}

// eventually waits for something to come about.
func (r *rig) eventually(what string, happened func() bool) {
	r.Helper()
	for deadline := time.Now().Add(tooLong); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("in vain waited for: %s", what)
		}
	}
}

// says reports whether each of some texts stands in one line of standard error.
func (p *process) says(texts ...string) bool {
	for line := range strings.Lines(p.stderr.String()) {
		found := 0
		for _, text := range texts {
			if strings.Contains(line, text) {
				found++
			}
		}
		if found == len(texts) {
			return true
		}
	}
	return false
}

// kill ends the process with SIGKILL and counts it, unless it was over by itself.
func (p *process) kill() {
	_ = p.Process.Signal(syscall.SIGKILL)
	if p.end().Signaled() {
		p.rig.killed[p.Args[1]]++
	}
}

// stop ends the process with a signal that it may obey in its own time: by the exit code for it, by the signal itself
// where it came before the program listened, or with 0 where there was nothing left to do.
func (p *process) stop(signal syscall.Signal) {
	p.rig.Helper()
	_ = p.Process.Signal(signal)
	status := p.end()
	if code := status.ExitStatus(); code != 128+int(signal) && code != 0 && status.Signal() != signal {
		p.rig.Fatalf("%v after %v: %v\n%s", p.Args[1:], signal, p.ProcessState, &p.stderr)
	}
}
