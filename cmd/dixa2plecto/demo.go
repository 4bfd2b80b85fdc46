package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	var listen bool
	c := a.command(&cobra.Command{
		Use:   "demo",
		Short: "Run the whole job against a simulated Dixa and Plecto",
		Long: `Run the whole job against a simulated Dixa and a simulated Plecto on this
machine: no account is needed and nothing is left behind.

With --listen both keep running, and the environment to use them is printed.`,
		Example: `  dixa2plecto demo
  dixa2plecto demo --listen`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		d, err := newDemo(time.Now().UTC(), demoPerDay)
		if err != nil {
			return err
		}
		defer d.close()
		if listen {
			return a.demoListen(ctx, d)
		}
		return a.runDemo(ctx, d)
	})
	c.Flags().BoolVar(&listen, "listen", false, "keep both services running and print the environment to use")
	return c
}

// A demo is a simulated Dixa and a simulated Plecto that listen on loopback, and a folder for the cache.
type demo struct {
	world   *dixatest.World
	today   time.Time // its first moment: the demo does not notice when the day ends
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

func newDemo(now time.Time, perDay int) (d *demo, err error) {
	d = &demo{
		today:  startOfDay(now, 0),
		world:  dixatest.NewWorld(dixatest.Team{Seed: 1, From: startOfDay(now, -demoDays), To: now, ConversationsPerDay: perDay}),
		plecto: &plectotest.Server{Email: "demo@example.com", Password: "demo-password"},
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.folder, err = os.MkdirTemp("", "dixa2plecto-demo-"); err != nil {
		return d, err
	}
	dixaURL, err := d.serve(&dixatest.Server{World: d.world, Token: "demo-token", Behaviour: dixatest.Behaviour{ActivitiesPerPage: 1000}})
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
		{"DIXA2PLECTO_DB", filepath.Join(d.folder, "demo.db")},
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

// runDemo runs the commands a newcomer would, each after its command line.
func (a *app) runDemo(ctx context.Context, d *demo) error {
	commands := [][]string{{"auth", "status"}}
	for _, kind := range bridge.Kinds() {
		commands = append(commands, []string{"sources", "add", kind})
	}
	commands = append(commands,
		[]string{"import", "--from", startOfDay(d.today, -demoDays).Format(time.DateOnly), "--to", startOfDay(d.today, -1).Format(time.DateOnly)},
		[]string{"push", "--dry-run"},
		[]string{"push"},
		[]string{"verify"},
		[]string{"status"},
	)
	w := world{strings.NewReader(""), a.stdout, a.stderr, func(name string) string { return d.getenv(name, a.getenv) }}
	if a.json || a.quiet {
		w.stdout, w.stderr = io.Discard, io.Discard
	}
	for _, args := range commands {
		fmt.Fprintf(w.stdout, "$ dixa2plecto %s\n", strings.Join(args, " "))
		if code := run(ctx, args, w); code != exitOK {
			return cmp.Or(context.Cause(ctx), fmt.Errorf("the demo's command %q ended with code %d", strings.Join(args, " "), code))
		}
		fmt.Fprintln(w.stdout)
	}
	return a.compareDemo(d)
}

// compareDemo holds what Plecto has against what Dixa has.
func (a *app) compareDemo(d *demo) error {
	doc := struct {
		OK            bool `json:"ok"`
		Conversations int  `json:"conversations"`
		Messages      int  `json:"messages"`
		Activities    int  `json:"activities"`
		Members       int  `json:"members"`
	}{OK: true, Members: len(d.plecto.Members())}
	sources := d.plecto.DataSources()
	for i, held := range []struct {
		records []json.RawMessage
		count   *int
	}{{d.world.Conversations(), &doc.Conversations}, {d.world.Messages(), &doc.Messages}, {d.world.Activities(), &doc.Activities}} {
		kind := bridge.Kinds()[i]
		want := map[string]bool{}
		for _, record := range held.records {
			id, created, err := idAndTime(record)
			if err != nil {
				return err
			}
			if created.Before(d.today) {
				want[id] = true
			}
		}
		for _, r := range d.plecto.Registrations(sources[i].UUID) {
			if !want[r.ExternalID] {
				return fmt.Errorf("%s %s are in Plecto, but not in Dixa", kind, r.ExternalID)
			}
			delete(want, r.ExternalID)
			*held.count++
		}
		if len(want) > 0 {
			return fmt.Errorf("%d %s of Dixa's are not in Plecto", len(want), kind)
		}
	}
	return a.result(doc, func() error {
		_, err := fmt.Fprintf(a.stdout, `Plecto now has every conversation (%s), message (%s) and activity (%s) of those days,
each once, under %s members. It was all simulated and is gone now. With real accounts: dixa2plecto auth login
`, thousands(doc.Conversations), thousands(doc.Messages), thousands(doc.Activities), thousands(doc.Members))
		return err
	})
}

// idAndTime reads of a record what tells it from others, and when it was created.
func idAndTime(record json.RawMessage) (id string, created time.Time, err error) {
	var r struct {
		ID        any    `json:"id"`
		CreatedAt int64  `json:"created_at"`
		Timestamp string `json:"activityTimestamp"`
	}
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.UseNumber()
	if err := dec.Decode(&r); err != nil {
		return "", created, err
	}
	if r.Timestamp == "" {
		return fmt.Sprint(r.ID), time.UnixMilli(r.CreatedAt), nil
	}
	created, err = time.Parse(time.RFC3339, strings.TrimSuffix(r.Timestamp, "[GMT]"))
	return fmt.Sprint(r.ID), created, err
}

// demoListen prints how to use the two services and keeps them until it is told to stop.
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
		_, err := fmt.Fprintln(a.stdout, "# Ctrl-C ends both and removes the cache.")
		return err
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	if _, stopped := errors.AsType[signalled](context.Cause(ctx)); stopped {
		return nil // that is how it is meant to end
	}
	return context.Cause(ctx)
}
