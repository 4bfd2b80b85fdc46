package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func (a *app) demoCommand() *cobra.Command {
	var listen, live bool
	var o demoTraffic
	c := a.command(&cobra.Command{
		Use:   "demo",
		Short: "Run the whole job against a simulated Dixa and Plecto",
		Long: `Run the whole job against a simulated Dixa and a simulated Plecto on this
machine: no account is needed and nothing is left behind.

With --live the simulated Dixa has office hours and delivers webhooks, some twice,
some late and some not at all, to ` + "`dixa2plecto serve`" + `, which keeps within the limits
of the real services. A line per second shows how far Plecto is behind; at the
end, or on Ctrl-C, every record is compared.

With --listen both keep running, and the environment to use them is printed. Once
there is a webhook, conversations come in.`,
		Example: `  dixa2plecto demo
  dixa2plecto demo --live --speed 10 --for 5m
  dixa2plecto demo --listen`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		if err := o.check(live); err != nil {
			return err
		}
		days, perDay := demoDays, demoPerDay
		if live {
			days, perDay = liveDays, livePerDay
		}
		d, err := newDemo(time.Now().UTC(), days, perDay)
		if err != nil {
			return err
		}
		defer d.close()
		switch {
		case live:
			return a.demoLive(ctx, d, o)
		case listen:
			return a.demoListen(ctx, d)
		}
		return a.runDemo(ctx, d)
	})
	c.Flags().BoolVar(&listen, "listen", false, "keep both services running and print the environment to use")
	c.Flags().BoolVar(&live, "live", false, "deliver webhooks to serve, and compare everything at the end")
	c.Flags().Float64Var(&o.speed, "speed", usualSpeed, "with --live: how much faster than in an office conversations go")
	c.Flags().DurationVar(&o.lasts, "for", usualLasts, "with --live: for how long they come in (0: until Ctrl-C)")
	c.MarkFlagsMutuallyExclusive("live", "listen")
	return c
}

// A demo is a simulated Dixa and a simulated Plecto that listen on loopback, and a folder for the cache.
type demo struct {
	world   *dixatest.World
	first   time.Time // its first day
	today   time.Time // its first moment: the demo does not notice when the day ends
	dixa    *dixatest.Server
	plecto  *plectotest.Server
	sources []demoSource // to link
	folder  string
	env     [][2]string
	servers []*http.Server
}

type demoSource struct{ kind, uuid string }

// The simulated Dixa holds three windows, with so many conversations on an ordinary day.
const (
	demoDays   = 90
	demoPerDay = 8
)

// demoCache is the name of its cache.
const demoCache = "demo.db"

func newDemo(now time.Time, days, perDay int) (d *demo, err error) {
	d = &demo{
		first:  startOfDay(now, -days),
		today:  startOfDay(now, 0),
		world:  dixatest.NewWorld(dixatest.Team{Seed: 1, From: startOfDay(now, -days), To: now, ConversationsPerDay: perDay}),
		plecto: &plectotest.Server{Email: "demo@example.com", Password: "demo-password"},
	}
	d.dixa = &dixatest.Server{World: d.world, Token: "demo-token", Behaviour: dixatest.Behaviour{ActivitiesPerPage: 1000}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.folder, err = os.MkdirTemp("", "dixa2plecto-demo-"); err != nil {
		return d, err
	}
	dixaURL, err := d.serve(d.dixa)
	if err != nil {
		return d, err
	}
	plectoURL, err := d.serve(http.StripPrefix("/api/v2", d.plecto))
	if err != nil {
		return d, err
	}
	d.env = [][2]string{
		{dixaToken, "demo-token"},
		{plectoEmail, d.plecto.Email},
		{plectoPassword, d.plecto.Password},
		{"DIXA_EXPORTS_URL", dixaURL + "/v1"},
		{"DIXA_API_URL", dixaURL + "/v1"},
		{"PLECTO_URL", plectoURL + "/api/v2"},
		// What webhooks are signed with is stored by profile, and that of the user's own stays as it is.
		{"DIXA2PLECTO_PROFILE", "demo"},
		{"DIXA2PLECTO_DB", filepath.Join(d.folder, demoCache)},
	}
	return d, nil
}

// addDataSources makes data sources to link, as a person would in Plecto.
func (d *demo) addDataSources() {
	for _, kind := range bridge.Kinds() {
		var fields []plectotest.Field
		for _, f := range bridge.Usual(kind) {
			fields = append(fields, plectotest.Field{Name: f.Title, AllowEmpty: true})
		}
		d.sources = append(d.sources, demoSource{kind, d.plecto.AddDataSource("Support "+kind, fields...)})
	}
}

func (d *demo) serve(h http.Handler) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	d.servers = append(d.servers, s)
	go s.Serve(l)
	return "http://" + l.Addr().String(), nil
}

func (d *demo) close() {
	d.dixa.Close()
	for _, s := range d.servers {
		s.Close()
	}
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}

// getenv is the environment of the demo's commands: its own variables, and of the machine's only how to print.
func (d *demo) getenv(name string, machine func(string) string) string {
	for _, v := range d.env {
		if v[0] == name {
			return v[1]
		}
	}
	if name == "NO_COLOR" || name == "TERM" {
		return machine(name)
	}
	return ""
}

// runDemo runs the commands a newcomer would.
func (a *app) runDemo(ctx context.Context, d *demo) error {
	d.env = append(d.env, [2]string{webhookSecret, hex.EncodeToString([]byte("demo"))}) // or auth status would ask the keyring
	commands := append([][]string{{"auth", "status"}}, addEachKind()...)
	commands = append(commands,
		[]string{"import", "--from", d.first.Format(time.DateOnly), "--to", startOfDay(d.today, -1).Format(time.DateOnly)},
		[]string{"push", "--dry-run"},
		[]string{"push"},
		[]string{"verify"},
		[]string{"status"},
	)
	if err := a.demoRun(ctx, d, commands...); err != nil {
		return err
	}
	found, err := d.compare(d.today)
	if err != nil {
		return err
	}
	return a.result(struct {
		OK bool `json:"ok"`
		demoCounts
	}{true, found}, func() error {
		_, err := fmt.Fprintf(a.stdout, `Plecto now has every conversation (%s), message (%s) and activity (%s) of those days,
each once, under %s members. It was all simulated and is gone now. With real accounts: dixa2plecto auth login
`, thousands(found.Conversations), thousands(found.Messages), thousands(found.Activities), thousands(found.Members))
		return err
	})
}

func addEachKind() (commands [][]string) {
	for _, kind := range bridge.Kinds() {
		commands = append(commands, []string{"sources", "add", kind})
	}
	return commands
}

// demoWorld is what the demo's commands see of the machine.
func (a *app) demoWorld(d *demo) world {
	w := world{strings.NewReader(""), a.stdout, a.stderr, func(name string) string { return d.getenv(name, a.getenv) }}
	if a.json || a.quiet {
		w.stdout, w.stderr = io.Discard, io.Discard
	}
	return w
}

// demoRun runs commands, each after its command line.
func (a *app) demoRun(ctx context.Context, d *demo, commands ...[]string) error {
	w := a.demoWorld(d)
	for _, args := range commands {
		fmt.Fprintf(w.stdout, "$ dixa2plecto %s\n", strings.Join(args, " "))
		if code := run(ctx, args, w); code != exitOK {
			return cmp.Or(context.Cause(ctx), demoFailed(args, code))
		}
		fmt.Fprintln(w.stdout)
	}
	return nil
}

func demoFailed(args []string, code int) error {
	return fmt.Errorf("the demo's command %q ended with code %d", strings.Join(args, " "), code)
}

// demoListen prints how to use the two services and keeps them until it is told to stop, with an ordinary day in the
// office for who subscribes to it.
func (a *app) demoListen(ctx context.Context, d *demo) error {
	doc := struct {
		OK          bool              `json:"ok"`
		Environment map[string]string `json:"environment"`
		Sources     map[string]string `json:"sources"`
	}{true, map[string]string{}, map[string]string{}}
	for _, v := range d.env {
		doc.Environment[v[0]] = v[1]
	}
	d.addDataSources()
	for _, s := range d.sources {
		doc.Sources[s.kind] = s.uuid
	}
	err := a.result(doc, func() error {
		fmt.Fprintf(a.stdout, "# A simulated Dixa with the last %d days and a simulated Plecto are running. In another shell:\n", demoDays)
		for _, v := range d.env {
			fmt.Fprintf(a.stdout, "export %s=%s\n", v[0], v[1])
		}
		for _, s := range d.sources {
			fmt.Fprintf(a.stdout, "dixa2plecto sources link %s %s # or: sources add %[1]s\n", s.kind, s.uuid)
		}
		_, err := fmt.Fprintln(a.stdout, "# Conversations come in once there is a webhook. Ctrl-C ends both and removes the cache.")
		return err
	})
	if err != nil {
		return err
	}
	for ctx.Err() == nil && len(d.dixa.Subscriptions()) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() == nil {
		dixatest.NewTraffic(d.dixa, dixatest.TrafficConfig{}).Run(ctx)
	}
	if _, stopped := errors.AsType[signalled](context.Cause(ctx)); stopped {
		return nil // that is how it is meant to end
	}
	return context.Cause(ctx)
}
