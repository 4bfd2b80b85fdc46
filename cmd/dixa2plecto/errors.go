package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// Exit codes, for scripts: see the table in the README.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3
	exitCredentials = 4
	exitTemporary   = 5
	exitDifferences = 6
	exitCache       = 7
	exitLocked      = 75
	exitInterrupted = 130
	exitTerminated  = 143
)

// errCredentials says that credentials are missing; nothing was contacted.
var errCredentials = errors.New("credentials are missing")

// usage marks an error as one of wrong usage or configuration.
func usage(err error) error {
	if errors.Is(err, bridge.ErrUsage) {
		return err
	}
	return fmt.Errorf("%w: %w", bridge.ErrUsage, err)
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// A hinted error knows what to do about it better than its kind does.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// exitCode decides how a command ends. What makes the others moot comes first.
func exitCode(err error) int {
	s, stopped := errors.AsType[signalled](err)
	switch {
	case err == nil:
		return exitOK
	case stopped && s.Signal == syscall.SIGTERM:
		return exitTerminated
	case stopped:
		return exitInterrupted
	case errors.Is(err, store.ErrLocked):
		return exitLocked
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrForeign), errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrReadOnly):
		return exitCache
	case errors.Is(err, bridge.ErrUsage), errors.Is(err, bridge.ErrNoSource):
		return exitUsage
	case errors.Is(err, errCredentials), bridge.Unauthorized(err):
		return exitCredentials
	case errors.Is(err, bridge.ErrAllRefused), errors.Is(err, bridge.ErrElsewhere), errors.Is(err, bridge.ErrTitleTaken), errors.Is(err, dixa.ErrRedirected), errors.Is(err, plecto.ErrRedirected), errors.Is(err, store.ErrFull):
		return exitFailed
	case bridge.Temporary(err):
		return exitTemporary
	case errors.Is(err, bridge.ErrRejected), errors.Is(err, bridge.ErrAside), errors.Is(err, bridge.ErrTooOld):
		return exitPartly
	case errors.Is(err, bridge.ErrDifferences):
		return exitDifferences
	}
	return exitFailed
}

// hintFor says what to do next, where there is something to do.
func hintFor(err error) string {
	h, ok := errors.AsType[hinted](err)
	_, stopped := errors.AsType[signalled](err)
	switch {
	case ok:
		return h.hint
	case stopped, errors.Is(err, bridge.ErrOutOfTime):
		return "progress is kept: the same command goes on from here"
	case errors.Is(err, store.ErrLocked):
		return "try again when it is done, or wait for it with --wait 10m"
	case errors.Is(err, store.ErrForeign):
		return "name another file with --db or DIXA2PLECTO_DB"
	case errors.Is(err, store.ErrNewer):
		return "update dixa2plecto, or name another file with --db"
	case errors.Is(err, store.ErrReadOnly):
		return "make the file and its folder writable for this user, or name another with --db"
	case errors.Is(err, store.ErrDamaged):
		return "move the file away and import again: everything in it comes from Dixa, and pushing it again changes nothing in Plecto that is right"
	case errors.Is(err, store.ErrFull):
		return "free some space and run the same command: it goes on from here"
	case errors.Is(err, bridge.ErrNoSource):
		return "make a data source in Plecto with `dixa2plecto sources add conversations`, or link one: `dixa2plecto sources link conversations UUID` (the UUID stands in its address in Plecto)"
	case errors.Is(err, bridge.ErrElsewhere):
		return "set PLECTO_URL and PLECTO_EMAIL to those of before or, if the other data source is meant to get everything anew, run `dixa2plecto push --confirm-target NAME` with the name of the source"
	case errors.Is(err, bridge.ErrGone):
		return "it was deleted, or this login may not see it: forget the source with `dixa2plecto sources remove`, then `sources add` a new one"
	case errors.Is(err, bridge.ErrTitleTaken):
		return "if it is the one meant, link it with `dixa2plecto sources link KIND UUID`; else choose another --title"
	case errors.Is(err, bridge.ErrDifferences):
		return "`dixa2plecto sync` brings what is pending or changed in Dixa; `dixa2plecto verify --repair` and then `push` what was changed or deleted in Plecto; `dixa2plecto push --retry-rejected` what is rejected"
	case errors.Is(err, dixa.ErrUnauthorized):
		return "DIXA_API_TOKEN is refused: an administrator makes a new one in Dixa under Settings, Integrations, API Tokens"
	case forbidden(err):
		return "Plecto knows the login, which lacks the right to do this: an administrator gives its employee a permission profile with access to data sources and employees"
	case errors.Is(err, plecto.ErrUnauthorized):
		return "PLECTO_EMAIL and PLECTO_PASSWORD are refused: check both, that the employee may use the API, and, with single sign-on, that it may log in with a password"
	case errors.Is(err, bridge.ErrAllRefused):
		return "the cause is not in single rows: compare the fields of the data source in Plecto with `dixa2plecto sources show`; nothing was rejected"
	case errors.Is(err, plecto.ErrNotFound):
		return "look whether the data source still exists in Plecto, and link another with `dixa2plecto sources link`"
	case errors.Is(err, dixa.ErrRedirected):
		return "set DIXA_EXPORTS_URL and DIXA_API_URL to the address meant; credentials do not follow redirects"
	case errors.Is(err, plecto.ErrRedirected):
		return "set PLECTO_URL to the address meant; credentials do not follow redirects"
	case bridge.Temporary(err):
		return "progress is kept: run the same command again later"
	case errors.Is(err, bridge.ErrAside):
		return "`dixa2plecto status` shows which and why; they are kept as they came, and taken over when they come back whole"
	case errors.Is(err, bridge.ErrTooOld):
		return "the newer ones are in the cache; `dixa2plecto status` shows the gap"
	case errors.Is(err, bridge.ErrRejected):
		return "see `dixa2plecto status --rejected`; once the cause is mended, `dixa2plecto push --retry-rejected`"
	}
	return ""
}

// forbidden reports whether Plecto accepts the login, but not for what was asked.
func forbidden(err error) bool {
	e, ok := errors.AsType[*plecto.Error](err)
	return ok && e.Status == http.StatusForbidden
}

// printError prints why a command failed, once and in words made harmless. With --json the last line is a document.
func (a *app) printError(err error, code int) {
	if err == nil {
		return
	}
	text, hint := message(err), hintFor(err)
	if a.getenv("GITHUB_ACTIONS") == "true" {
		fmt.Fprintln(a.stderr, githubError(text))
	}
	if a.json {
		_ = printJSON(a.stderr, struct {
			OK    bool   `json:"ok"`
			Code  int    `json:"code"`
			Error string `json:"error"`
			Hint  string `json:"hint,omitempty"`
		}{false, code, text, hint}, false) // there is nowhere else to say that it cannot be written
		return
	}
	fmt.Fprintf(a.stderr, "dixa2plecto: error: %s\n", plain(text))
	if hint != "" {
		fmt.Fprintf(a.stderr, "dixa2plecto: hint: %s\n", plain(hint))
	}
}

// message puts an error into one line, and says once what several parts of a command met alike.
func message(err error) string {
	text := err.Error()
	if errors.Is(err, bridge.ErrUsage) {
		text = strings.ReplaceAll(text, bridge.ErrUsage.Error()+": ", "")
	}
	if errors.Is(err, context.Canceled) && text == context.Canceled.Error() {
		text = "stopped"
	}
	var parts []string
	for part := range strings.SplitSeq(text, "\n") {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}
