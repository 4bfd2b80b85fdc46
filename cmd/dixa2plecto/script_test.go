package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print now into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dixa2plecto": main})
}

// TestScripts runs the real command as a user would: each script in testdata/script is a session with a simulated Dixa
// and a simulated Plecto of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			sim := newServices()
			env.Defer(sim.close)
			env.Values[servicesKey{}] = sim
			for name, value := range sim.env(env.WorkDir) {
				env.Setenv(name, value)
			}
			env.Setenv("GORACE", "atexit_sleep_ms=20") // under the race detector every command would end a second late
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"arrives":       arrives,
			"await":         await,
			"becomes":       becomes,
			"behave":        behave,
			"crowd":         crowd,
			"datasource":    datasource,
			"deletes":       deletes,
			"discards":      discards,
			"elsewhere":     elsewhere,
			"emits":         emits,
			"employ":        employ,
			"exits":         exits,
			"fault":         fault,
			"fields":        fields,
			"get":           get,
			"harmless":      harmlessOutput,
			"heal":          heal,
			"json":          jsonIs,
			"listens":       listens,
			"members":       members,
			"poison":        poison,
			"put":           put,
			"reaches":       reaches,
			"registrations": registrations,
			"requests":      requests,
			"rewrites":      rewrites,
			"rows":          rows,
			"secretless":    secretless,
			"sql":           sqlite,
			"terminate":     terminate,
			"world":         simulatedWorld,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

// exits runs a command and compares its exit code: exits CODE COMMAND [ARG...]
func exits(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) > 1, "exits CODE COMMAND [ARG...]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("the exit code is %d, not %d", got, want)
	}
}

// jsonIs looks a value up in a JSON document, in the last line in the case of stderr, and compares it where one is given:
// [!] json FILE PATH [VALUE]. The path is made of keys and indexes with dots between; "len" counts elements.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, len(args) == 2 || len(args) == 3, "[!] json FILE PATH [VALUE]")
	text := strings.TrimRight(ts.ReadFile(args[0]), "\n")
	if args[0] == "stderr" {
		text = text[strings.LastIndex(text, "\n")+1:]
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var doc any
	ts.Check(dec.Decode(&doc))
	if dec.More() {
		ts.Fatalf("%s holds more than one document", args[0])
	}
	got, ok := find(doc, strings.Split(args[1], "."))
	holds := ok && (len(args) == 2 || fmt.Sprint(got) == args[2])
	if holds == neg {
		ts.Fatalf("%s is %v", args[1], got)
	}
}

func find(doc any, path []string) (any, bool) {
	for _, step := range path {
		switch v := doc.(type) {
		case map[string]any:
			one, ok := v[step]
			if !ok {
				return nil, false
			}
			doc = one
		case []any:
			if step == "len" {
				return len(v), true
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// await waits for a text in a file that a command in the background writes: await FILE REGEXP
func await(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "await FILE REGEXP")
	wanted := regexp.MustCompile(args[1])
	eventually(ts, args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && wanted.Match(text)
	})
}

// eventually polls for what other processes bring about.
func eventually(ts *testscript.TestScript, what string, holds func() bool) {
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("still waiting for %s", what)
		}
	}
}

// harmlessOutput looks for what a terminal or a runner of GitHub Actions would obey: harmless FILE...
func harmlessOutput(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) > 0, "harmless FILE...")
	for _, name := range args {
		for line := range strings.Lines(ts.ReadFile(name)) {
			line = strings.TrimSuffix(line, "\n")
			if i := strings.IndexFunc(line, obeyed); i >= 0 {
				ts.Fatalf("%s holds %U: %q", name, []rune(line[i:])[0], line)
			}
			if strings.HasPrefix(strings.TrimSpace(line), "::") && !strings.HasPrefix(line, "::error title=dixa2plecto::") {
				ts.Fatalf("%s holds a command to the runner: %q", name, line)
			}
		}
	}
}

// obeyed reports whether a terminal acts on a character: C0, DEL, C1, and the controls of writing direction.
func obeyed(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x061c || r == 0x200e || r == 0x200f ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// secretless looks for the credentials, in each way in which they could be written: secretless FILE...; "processes"
// stands for the command lines of the commands in the background.
func secretless(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) > 0, "secretless FILE...")
	for _, name := range args {
		var text string
		if name == "processes" {
			for _, c := range ts.BackgroundCmds() {
				line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.Process.Pid))
				ts.Check(err)
				text += string(line)
			}
		} else {
			text = ts.ReadFile(name)
		}
		for _, secret := range secretSpellings() {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s holds the secret %s", name, secret)
			}
		}
	}
}

// sqlite runs statements on a SQLite file: sql FILE STATEMENTS
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "sql FILE STATEMENTS")
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// terminate sends SIGTERM to the only command in the background.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 0 && len(ts.BackgroundCmds()) == 1, "terminate, with one command in the background")
	ts.Check(ts.BackgroundCmds()[0].Process.Signal(syscall.SIGTERM))
}

// printLines prints what a command of the scripts found out, for cmp, stdout and grep to look at.
func printLines(ts *testscript.TestScript, lines []string) {
	for i := range lines {
		lines[i] += "\n"
	}
	_, err := io.WriteString(ts.Stdout(), strings.Join(lines, ""))
	ts.Check(err)
}

func takes(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}
