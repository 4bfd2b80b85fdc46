package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An app is one execution of the program.
type app struct {
	world
	profile, db          string
	json, quiet, verbose bool
	// logs says that the command tells what it does.
	logs bool
	// watch shows the progress while a flow runs; nil before.
	watch progress
	// began says that the command line was understood: errors from then on are not about usage by themselves.
	began bool
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "dixa2plecto",
		Short: "Bring Dixa conversations, messages and activities into Plecto",
		Long: `dixa2plecto brings a support team's Dixa conversations, messages and activities into
Plecto, whole and current.

Every record lands in one local SQLite file, the cache, before it is pushed. A
command that was stopped goes on where it was when it is run again.`,
		Example: `  dixa2plecto demo                                   try it, without an account
  dixa2plecto auth login                             store the credentials
  dixa2plecto sources add conversations              make a data source for conversations in Plecto
  dixa2plecto import --from 2026-01-01               fetch a range into the cache
  dixa2plecto push                                   send what is pending to Plecto
  dixa2plecto sync --quiet                           both, for cron`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.profile, "profile", "", "connection to use (default $DIXA2PLECTO_PROFILE, else \"default\")")
	f.StringVar(&a.db, "db", "", "cache file (default $DIXA2PLECTO_DB, else one per profile in the state folder)")
	f.BoolVar(&a.json, "json", false, "print the result as one JSON document")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing when all goes well")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log each request")
	a.group(root,
		a.authCommand(), a.sourcesCommand(), a.importCommand(), a.pushCommand(), a.syncCommand(),
		a.serveCommand(), a.webhookCommand(),
		a.statusCommand(), a.verifyCommand(), a.eraseCommand(), a.demoCommand(), a.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	return root
}

// group makes a command that only holds others; for a word that is none of them it suggests what is near.
func (a *app) group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.SuggestionsMinimumDistance = 2
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		err := usagef("unknown command %q for %q", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return hinted{err, "did you mean " + strings.Join(near, " or ") + "?"}
		}
		return err
	}
	c.AddCommand(commands...)
	return a.command(c, func(context.Context, []string) error { return c.Help() })
}

// command makes a command whose arguments are understood once it runs.
func (a *app) command(c *cobra.Command, do func(ctx context.Context, args []string) error) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.began = true
		if a.quiet && a.verbose {
			return usagef("--quiet and --verbose exclude each other")
		}
		return do(cmd.Context(), args)
	}
	return c
}

// A need is something a command cannot do without.
type need int

const (
	needDixa   need = 1 << iota // the Dixa token
	needPlecto                  // the Plecto login
	needLock                    // to be the only writing run
	needLog                     // to run for long, and to log what it does rather than draw it
)

// usualPatience is how long a command goes on trying where nobody says otherwise.
const usualPatience = 30 * time.Second

// patienceFlags are the flags of commands that meet trouble.
type patienceFlags struct{ patience, maxDuration, wait time.Duration }

func (p *patienceFlags) add(c *cobra.Command) {
	c.Flags().DurationVar(&p.patience, "patience", usualPatience, "how long to go on trying while a service is in trouble")
	c.Flags().DurationVar(&p.maxDuration, "max-duration", 0, "end cleanly with code 5 after this time (0: as long as it takes)")
	c.Flags().DurationVar(&p.wait, "wait", 0, "wait this long for another run to end")
}

func (p *patienceFlags) check() error {
	if p.patience < 0 || p.maxDuration < 0 || p.wait < 0 {
		return usagef("--patience, --max-duration and --wait are not negative")
	}
	return nil
}

// withBridge opens the cache and the clients for what a command needs, and closes them after it.
func (a *app) withBridge(ctx context.Context, needs need, p patienceFlags, do func(context.Context, *bridge.Bridge) error) (err error) {
	if err := p.check(); err != nil {
		return err
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	creds, err := a.credentials(ctx, cfg, needs)
	if err != nil {
		return err
	}
	if p.maxDuration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.maxDuration, bridge.ErrOutOfTime)
		defer cancel()
	}
	// A query that was ended with the context does not say why.
	defer func() {
		if cause := context.Cause(ctx); err != nil && ctx.Err() != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
	}()
	if needs&needLock != 0 {
		release, err := store.Lock(ctx, cfg.db, p.wait)
		if err != nil {
			return err
		}
		defer release()
	}
	s, err := store.Open(ctx, cfg.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	watch := a.newProgress()
	if needs&needLog != 0 {
		watch, a.logs = silent{a.stderr}, true
	}
	a.watch = watch
	defer watch.close()
	log := a.logger(watch)
	defer context.AfterFunc(ctx, func() {
		if _, stopped := errors.AsType[signalled](context.Cause(ctx)); stopped && !a.quiet {
			fmt.Fprintln(watch, "dixa2plecto: stopping once the request in flight has ended, a few seconds at most")
		}
	})()
	b := &bridge.Bridge{Store: s, Limits: cfg.limits, Patience: p.patience, Report: watch.report, Log: log}
	b.Dixa, b.Plecto = a.clients(cfg, creds, needs, p.patience, log)
	return do(ctx, b)
}

// openExisting opens the cache where there is one: to ask whether something is there makes none.
func openExisting(ctx context.Context, path string) (*store.Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return store.Open(ctx, path)
}

// clients makes the clients that are needed. Long silence is trouble like any other, so that the patience bounds it:
// between two bytes of a reply, and four times as long before the first, since an export is made before it is sent.
func (a *app) clients(cfg config, creds credentials, needs need, patience time.Duration, log *slog.Logger) (*dixa.Client, *plecto.Client) {
	var d *dixa.Client
	var p *plecto.Client
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// A server may close a connection that rests, just when the next request goes out on it.
	transport.IdleConnTimeout = 5 * time.Second
	hc := &http.Client{Transport: transport}
	idle := min(max(patience, time.Second), 30*time.Second)
	agent := "dixa2plecto/" + version()
	if needs&needDixa != 0 {
		d = dixa.New(dixa.Config{
			Token: creds[dixaToken].value, ExportsURL: cfg.exportsURL, APIURL: cfg.apiURL,
			Answer: 4 * idle, Idle: idle, UserAgent: agent, HTTP: hc, Log: log,
		})
	}
	if needs&needPlecto != 0 {
		p = plecto.New(plecto.Config{
			Email: creds[plectoEmail].value, Password: creds[plectoPassword].value, URL: cfg.plectoURL,
			Answer: 2 * idle, UserAgent: agent, HTTP: hc, Log: log,
		})
	}
	return d, p
}

// logger returns where warnings go, and with --verbose each request. Every line of a run carries its id.
func (a *app) logger(w io.Writer) *slog.Logger {
	level := slog.LevelWarn
	switch {
	case a.quiet:
		level = slog.LevelError
	case a.verbose:
		level = slog.LevelDebug
	case a.logs:
		level = slog.LevelInfo
	}
	if a.terminal() {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !a.colour()}))
	}
	var id [4]byte
	rand.Read(id[:])
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})).With("run", hex.EncodeToString(id[:]))
}

// terminal reports whether standard error is a terminal that can be drawn on.
func (a *app) terminal() bool {
	f, ok := a.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.getenv("TERM") != "dumb"
}

// colour reports whether colours are welcome. https://no-color.org
func (a *app) colour() bool { return a.terminal() && a.getenv("NO_COLOR") == "" }
