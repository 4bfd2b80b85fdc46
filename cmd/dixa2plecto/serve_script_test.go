package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// listens waits until serve, whose standard output goes to a file, listens, and names the address that takes events in $HOOK,
// and what it begins with in $SERVER: listens FILE
func listens(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "listens FILE")
	var address string
	eventually(ts, "serve to listen", func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		line, _, whole := strings.Cut(string(text), "\n")
		address = strings.TrimPrefix(line, "listening on ")
		return err == nil && whole
	})
	u, err := url.Parse(address)
	ts.Check(err)
	ts.Setenv("HOOK", address)
	ts.Setenv("SERVER", u.Scheme+"://"+u.Host)
}

// get prints what is answered to a GET, the status first: get URL
func get(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "get URL")
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	printLines(ts, []string{strings.TrimSpace(resp.Status + "\n" + string(text))})
}

// emits lets something happen to a conversation in Dixa, and waits until all who subscribed to that were told of it:
// emits EVENT CSID [MESSAGE]
func emits(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && (len(args) == 2 || len(args) == 3), "emits EVENT CSID [MESSAGE]")
	e := dixatest.Event{Name: args[0], CSID: int64(number(ts, args[1]))}
	if len(args) == 3 {
		e.MessageID = args[2]
	}
	dixa := servicesOf(ts).dixa
	_, err := dixa.Emit(e)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ts.Check(dixa.Flush(ctx))
}

// reaches waits for a row in Plecto, as rows prints it: reaches TITLE|UUID REGEXP
func reaches(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "reaches TITLE|UUID REGEXP")
	wanted := regexp.MustCompile(args[1])
	uuid := dataSourceOf(ts, args[0])
	eventually(ts, args[1]+" in Plecto", func() bool {
		return slices.ContainsFunc(rowsOf(ts, uuid), wanted.MatchString)
	})
}

// becomes runs a command again and again until it prints what is awaited, and succeeds: becomes REGEXP COMMAND [ARG...]
func becomes(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) > 1, "becomes REGEXP COMMAND [ARG...]")
	wanted := regexp.MustCompile("(?m)" + args[0])
	eventually(ts, args[0], func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && wanted.MatchString(ts.ReadFile("stdout"))
	})
}
