package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
)

type createFlags struct {
	url, name, secretFile string
	events                []string
}

func (a *app) webhookCreateCommand() *cobra.Command {
	var f createFlags
	c := a.command(&cobra.Command{
		Use:   "create",
		Short: "Have Dixa deliver its events to the receiver of this connection",
		Long: `Have Dixa deliver to an address the events that change a row of any linked source,
or those of --events. The address is where the internet reaches ` + "`dixa2plecto serve`" + `,
and ends in /admin/data-sources/dixa/CONNECTION/hook/ with the connection that
` + "`dixa2plecto status`" + ` shows.

Run again it finds the webhook of that name, and changes in it what is otherwise.
What it signs with goes to where the credentials are stored, or with --secret-file
to a file, before those that are there, which stay valid: the newest ten of them.

DIXA_WEBHOOK_BASIC (user:password) or DIXA_WEBHOOK_TOKEN in the environment are handed
to Dixa, to be sent with each delivery. To take them away again, delete the webhook.

The events are
` + eventList(),
		Example: `  dixa2plecto webhook create --url https://live.example.com/admin/data-sources/dixa/0123456789abcdef0123456789abcdef/hook/
  dixa2plecto webhook create --url https://live.example.com/admin/data-sources/dixa/0123456789abcdef0123456789abcdef/hook/ --events ConversationClosed,ConversationRated --name closed --secret-file webhook-secret`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return noProgress(ctx, a.createWebhook(ctx, f)) })
	c.Flags().StringVar(&f.url, "url", "", "where Dixa is to deliver: the whole address")
	c.Flags().StringSliceVar(&f.events, "events", nil, "events, with commas (default those that change a row of a linked source)")
	c.Flags().StringVar(&f.name, "name", "dixa2plecto", "name of the webhook in Dixa")
	c.Flags().StringVar(&f.secretFile, "secret-file", "", "file to write the secret to, instead of storing it with the credentials")
	_ = c.RegisterFlagCompletionFunc("events", cobra.FixedCompletions(dixa.EventNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// eventList returns the names of all events, some to a line.
func eventList() string {
	var b strings.Builder
	for few := range slices.Chunk(dixa.EventNames(), 2) {
		b.WriteString("  " + strings.Join(few, ", ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// wanted reads the flags; events are left out where none are given.
func (a *app) wanted(f createFlags) (want dixa.WebhookConfig, err error) {
	if f.url == "" {
		return want, usagef("--url says where Dixa is to deliver")
	}
	if err := hookAddress("url", f.url); err != nil {
		return want, err
	}
	want.URL = f.url
	if want.Name = strings.TrimSpace(f.name); want.Name == "" {
		return want, usagef("--name is empty")
	}
	for _, text := range f.events {
		name, err := eventName(strings.TrimSpace(text))
		if err != nil {
			return want, err
		}
		want.Events = append(want.Events, name)
	}
	if f.secretFile != "" {
		if _, err := secretFile(f.secretFile); err != nil {
			return want, usage(fmt.Errorf("--secret-file: %w", err))
		}
	}
	want.Authorization, err = a.webhookAuthorization()
	return want, err
}

func (a *app) createWebhook(ctx context.Context, f createFlags) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	want, err := a.wanted(f)
	if err != nil {
		return err
	}
	return a.withBridge(ctx, needDixa, usualPatienceOnly(), func(ctx context.Context, b *bridge.Bridge) error {
		if err := leadsHere(b, want.URL); err != nil {
			return err
		}
		if len(want.Events) == 0 {
			if want.Events, err = b.WebhookEvents(ctx); err != nil {
				return err
			}
		}
		s, err := b.Subscribe(ctx, want)
		for _, other := range s.Namesakes {
			b.Log.Warn("there is another webhook of that name: delete what is not meant", "name", other.Name, "id", other.ID, "url", other.URL)
		}
		if errors.Is(err, bridge.ErrNoSecret) && !bridge.Temporary(err) {
			return hinted{fmt.Errorf("webhook %s is in Dixa, but %w", s.ID, err), "set DIXA_WEBHOOK_SECRET to the secret that Dixa shows for it under Settings, Integrations, Webhooks"}
		}
		if err != nil {
			return err
		}
		from, err := a.keepSecret(ctx, cfg, f.secretFile, s.Secret)
		if err != nil {
			return hinted{fmt.Errorf("webhook %s is in Dixa, but its secret is not stored: %w", s.ID, err), "run the same command again, with --secret-file to store it elsewhere"}
		}
		a.warnOfOtherSecret(b, s.Secret)
		return a.printCreated(s, want, from)
	})
}

// leadsHere refuses the address of another connection's receiver. What a proxy makes of any other path nobody here knows.
func leadsHere(b *bridge.Bridge, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return usage(err)
	}
	path := bridge.HookPath(b.Store.Connection())
	switch connection, ok := bridge.HookConnection(u.Path); {
	case !ok:
		b.Log.Warn("the receiver takes webhooks at another path: a proxy has to rewrite it", "url", address, "path", path)
	case connection != b.Store.Connection():
		return hinted{usagef("the address is that of another connection, %s", connection), "this one's ends in " + path}
	}
	return nil
}

// keepSecret stores what a webhook signs with before those stored, and returns where.
func (a *app) keepSecret(ctx context.Context, cfg config, path, secret string) (from string, err error) {
	if path == "" {
		return a.vault(cfg).change(ctx, webhookSecret, func(stored string) string { return withSecret(stored, secret) })
	}
	stored, err := secretFile(path)
	if err != nil {
		return "", err
	}
	return "file " + path, writeSecret(path, []byte(withSecret(stored, secret)+"\n"))
}

// secretFile reads the secrets in a file that is to get another one: nothing where there is no file. A file that holds
// anything else is not to be replaced.
func secretFile(path string) (string, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	text, err := readSecret(path)
	if err != nil {
		return "", err
	}
	if _, err := dixa.ParseSecrets(text); err != nil {
		return "", fmt.Errorf("%s is there and holds something else than webhook secrets", path)
	}
	return text, nil
}

// maxSecrets is how many secrets are kept: a forged webhook is tried with each of them.
const maxSecrets = 10

// withSecret puts a secret before those in a text, which other webhooks go on signing with. Of too many the oldest goes.
func withSecret(text, secret string) string {
	all := append([]string{secret}, otherSecrets(text, secret)...)
	return strings.Join(all[:min(len(all), maxSecrets)], ",")
}

// withoutSecret takes a secret out of a text that holds several with commas between.
func withoutSecret(text, secret string) string {
	return strings.Join(otherSecrets(text, secret), ",")
}

// otherSecrets returns the secrets in a text but for one, each once.
func otherSecrets(text, secret string) []string {
	var others []string
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		known := func(other string) bool { return strings.EqualFold(one, other) }
		if one != "" && !known(secret) && !slices.ContainsFunc(others, known) {
			others = append(others, one)
		}
	}
	return others
}

// warnOfOtherSecret says where the environment, which beats what is stored, lacks the secret.
func (a *app) warnOfOtherSecret(b *bridge.Bridge, secret string) {
	switch c, err := a.given(webhookSecret); {
	case err != nil:
		b.Log.Warn("the webhook's secret is stored, but the environment names another place", "error", message(err))
	case c.from != "" && withoutSecret(c.value, secret) == withoutSecret(c.value, ""):
		b.Log.Warn("the environment lacks the webhook's secret, and beats what is stored", "name", webhookSecret, "from", c.from)
	}
}

func (a *app) printCreated(s bridge.Subscription, want dixa.WebhookConfig, from string) error {
	return a.result(struct {
		OK      bool     `json:"ok"`
		Created bool     `json:"created"`
		Changed bool     `json:"changed"`
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		URL     string   `json:"url"`
		Events  []string `json:"events"`
		Stored  string   `json:"stored"` // where the secret is
	}{true, s.Created, s.Changed, s.ID, want.Name, want.URL, want.Events, from}, func() error {
		text := "is as it should be"
		switch {
		case s.Created:
			text = "is created"
		case s.Changed:
			text = "is changed"
		}
		_, err := fmt.Fprintf(a.stdout, "Webhook %s (%s) %s: Dixa delivers %s to %s.\nIts secret is stored in the %s.\n",
			plain(want.Name), plain(s.ID), text, counted(len(want.Events), "kind")+" of event", plain(want.URL), plain(from))
		return err
	})
}
