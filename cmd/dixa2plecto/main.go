// Command dixa2plecto brings a support team's Dixa conversations and messages into Plecto.
//
// This package is the only place that knows flags, environment, tables and exit codes. Results go to standard output,
// everything else to standard error. Errors are printed here and nowhere else, as "dixa2plecto: error: …" and, where
// there is something to do, "dixa2plecto: hint: …".
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // --tz works on machines without zone files
)

func main() {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], world{os.Stdin, os.Stdout, os.Stderr, os.Getenv}))
}

// A world is what a command sees of the machine.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, w world) int {
	a := &app{world: w}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(w.stdin)
	root.SetOut(w.stdout)
	root.SetErr(w.stderr)
	c, err := root.ExecuteContextC(ctx)
	if _, ok := errors.AsType[hinted](err); err != nil && !a.began && !ok {
		// cobra's own: an unknown command, flag or argument, behind which it reads no further
		a.json = a.json || slices.Contains(args, "--json")
		err = hinted{usage(err), "see `" + c.CommandPath() + " --help`"}
	}
	code := exitCode(err)
	a.printError(err, code)
	return code
}

// A signalled is why a context ended: the process was told to stop.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string {
	if s.Signal == syscall.SIGTERM {
		return "stopped by SIGTERM"
	}
	return "stopped by Ctrl-C"
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends. A second one ends the process at once, also where
// the shell has it ignore the signal, as with jobs in the background.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			cancel(signalled{s.(syscall.Signal)})
		case <-ctx.Done():
			return
		}
		os.Exit(exitCode(signalled{(<-signals).(syscall.Signal)}))
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}
