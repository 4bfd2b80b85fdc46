package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// askCredentials reads credentials from standard input or asks for them on a terminal; those left empty are left out.
func (a *app) askCredentials(ctx context.Context, email string, withToken, withPassword bool) (map[string]string, error) {
	given := map[string]string{}
	set := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			given[name] = value
		}
	}
	set(plectoEmail, email)
	if withToken || withPassword {
		lines := bufio.NewReader(io.LimitReader(a.stdin, 1<<16))
		for _, one := range []struct {
			wanted bool
			name   string
		}{{withToken, dixaToken}, {withPassword, plectoPassword}} {
			if !one.wanted {
				continue
			}
			line, err := lines.ReadString('\n')
			if strings.TrimSpace(line) == "" {
				return nil, usagef("standard input has no line for %s (%v)", one.name, err)
			}
			set(one.name, line)
		}
		return given, nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, hinted{usagef("standard input is not a terminal to ask on"), "use --with-token and --with-password, or set the environment"}
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	defer term.Restore(fd, before) // a hidden question that is left behind leaves the terminal without echo
	ask := func(name, question string, hide bool) error {
		fmt.Fprint(a.stderr, question)
		answer, err := unlessDone(ctx, func() (string, error) {
			if !hide {
				return bufio.NewReader(f).ReadString('\n')
			}
			text, err := term.ReadPassword(fd)
			return string(text), err
		})
		if hide || err != nil { // no line break was shown
			fmt.Fprintln(a.stderr)
		}
		set(name, answer)
		return err
	}
	if err := ask(dixaToken, "Dixa API token: ", true); err != nil {
		return nil, err
	}
	if email == "" {
		if err := ask(plectoEmail, "Plecto e-mail: ", false); err != nil {
			return nil, err
		}
	}
	if err := ask(plectoPassword, "Plecto password: ", true); err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return nil, usagef("nothing was entered")
	}
	return given, nil
}

// unlessDone returns what a call returns that cannot be stopped, and leaves it behind when ctx ends first.
func unlessDone(ctx context.Context, call func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := call()
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
