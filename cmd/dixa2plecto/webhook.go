package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
)

func (a *app) webhookCommand() *cobra.Command {
	c := &cobra.Command{Use: "webhook", Short: "Have Dixa tell what happens, as it happens",
		Example: `  dixa2plecto webhook create --url https://live.example.com/admin/data-sources/dixa/0123456789abcdef0123456789abcdef/hook/
  dixa2plecto webhook list
  dixa2plecto webhook trigger ConversationClosed`}
	return a.group(c, a.webhookCreateCommand(), a.webhookListCommand(), a.webhookDeleteCommand(), a.webhookTriggerCommand())
}

// usualPatienceOnly is for commands that make a few requests and have no flags about it.
func usualPatienceOnly() patienceFlags { return patienceFlags{patience: usualPatience} }

// eventName takes an event in either spelling, and for one that Dixa does not have suggests what is near.
func eventName(text string) (string, error) {
	if name, ok := dixa.EventName(text); ok {
		return name, nil
	}
	// cobra knows what is near among commands.
	names := &cobra.Command{SuggestionsMinimumDistance: 3}
	for _, name := range dixa.EventNames() {
		names.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	plain := strings.ReplaceAll(text, "_", "")
	near := append(names.SuggestionsFor(plain), names.SuggestionsFor("Conversation"+plain)...)
	slices.Sort(near)
	hint := "they are " + strings.Join(dixa.EventNames(), ", ")
	if near = slices.Compact(near); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "", hinted{usagef("Dixa has no event %q", text), hint}
}

// hookAddress refuses what Dixa, or this program in its place, is not to deliver to.
func hookAddress(flag, text string) error {
	if _, err := parseBaseURL(text); err != nil {
		return usage(fmt.Errorf("--%s: %w", flag, err))
	}
	return nil
}

type deliveryJSON struct {
	Event string `json:"event"`
	At    string `json:"at,omitempty"` // left out where there was none lately
	OK    bool   `json:"ok"`
	Code  int    `json:"code,omitempty"`
	Text  string `json:"text,omitempty"`
}

type webhookJSON struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	URL        string         `json:"url"`
	Enabled    bool           `json:"enabled"`
	Ours       bool           `json:"ours"` // leads to this connection
	Events     []string       `json:"events"`
	Deliveries []deliveryJSON `json:"deliveries"`
	Error      string         `json:"error,omitempty"` // why the deliveries are not known
}

func (a *app) webhookListCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "list",
		Short: "List the webhooks that Dixa has, and how their last delivery went",
		Long: `List the webhooks that Dixa has, each with its last delivery and what the receiver
said to it. Those whose address is this connection's are marked.`,
		Example: `  dixa2plecto webhook list
  dixa2plecto webhook list --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		return noProgress(ctx, a.withBridge(ctx, needDixa, usualPatienceOnly(), func(ctx context.Context, b *bridge.Bridge) error {
			all, err := b.Subscriptions(ctx)
			if err != nil {
				return err
			}
			return a.printWebhooks(all)
		}))
	})
}

func (a *app) printWebhooks(all []bridge.Delivered) error {
	doc := struct {
		OK       bool          `json:"ok"`
		Webhooks []webhookJSON `json:"webhooks"`
	}{true, []webhookJSON{}}
	t := table{header: []string{"NAME", "ID", "URL", "OURS", "ENABLED", "EVENTS", "LAST DELIVERY", "RESULT"}, right: []int{5}}
	disabled := false
	for _, w := range all {
		one := webhookJSON{w.ID, w.Name, w.URL, w.Enabled, w.Ours, append([]string{}, w.Events...), []deliveryJSON{}, ""}
		for _, d := range w.Deliveries {
			one.Deliveries = append(one.Deliveries, deliveryJSON{d.Event, instant(d.At), d.OK, d.Code, d.Text})
		}
		last, ok := w.Last()
		result := "none recently"
		switch {
		case w.Err != nil:
			one.Error = message(w.Err)
			result = "not known: " + one.Error
		case ok:
			result = answered(last)
		}
		doc.Webhooks = append(doc.Webhooks, one)
		disabled = disabled || !w.Enabled
		t.add(w.Name, w.ID, w.URL, yes(w.Ours, ""), yes(w.Enabled, "no"), strconv.Itoa(len(w.Events)), instant(last.At), result)
	}
	return a.result(doc, func() error {
		if len(all) == 0 {
			_, err := fmt.Fprintln(a.stdout, "No webhook yet: dixa2plecto webhook create --url URL")
			return err
		}
		err := t.filled().print(a.stdout)
		if err == nil && disabled {
			_, err = fmt.Fprintln(a.stdout, "\nDixa delivers nothing to one that is not enabled; `dixa2plecto webhook create` with its name and address enables it again.")
		}
		return err
	})
}

func yes(is bool, otherwise string) string {
	if is {
		return "yes"
	}
	return otherwise
}

// answered is how a delivery went: the status it was answered with, and what was said where it failed.
func answered(d dixa.Delivery) string {
	var parts []string
	if d.Code != 0 {
		parts = append(parts, strconv.Itoa(d.Code))
	}
	if !d.OK && d.Text != "" {
		parts = append(parts, d.Text)
	}
	text := strings.Join(parts, ": ")
	switch {
	case d.OK && text == "":
		return "delivered"
	case d.OK:
		return text
	}
	return strings.TrimSpace("failed " + text)
}

func (a *app) webhookDeleteCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "delete ID",
		Short: "Delete a webhook in Dixa, and forget its secret",
		Example: `  dixa2plecto webhook delete 8d6f2f3e-5a53-4c0e-9b43-0f3c1c7a2b11
  dixa2plecto webhook delete 8d6f2f3e-5a53-4c0e-9b43-0f3c1c7a2b11 --json`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, args []string) error { return noProgress(ctx, a.deleteWebhook(ctx, args[0])) })
}

func (a *app) deleteWebhook(ctx context.Context, id string) error {
	const hint = "see `dixa2plecto webhook list`"
	if _, err := bridge.ParseUUID(id); err != nil {
		return hinted{err, hint}
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	return a.withBridge(ctx, needDixa, usualPatienceOnly(), func(ctx context.Context, b *bridge.Bridge) error {
		w, err := b.Unsubscribe(ctx, id)
		if errors.Is(err, dixa.ErrNotFound) {
			return hinted{fmt.Errorf("there is no webhook %s in Dixa: %w", id, err), hint}
		}
		if err != nil {
			return err
		}
		forgotten := false
		_, err = a.vault(cfg).change(ctx, webhookSecret, func(stored string) string {
			left := withoutSecret(stored, w.Secret)
			forgotten = left != stored
			return left
		})
		if err != nil {
			return hinted{fmt.Errorf("the webhook is deleted, but its secret is not forgotten: %w", err), "nothing is signed with it any more; `dixa2plecto auth logout` forgets all that is stored"}
		}
		return a.result(struct {
			OK        bool   `json:"ok"`
			ID        string `json:"id"`
			Name      string `json:"name"`
			URL       string `json:"url"`
			Forgotten bool   `json:"forgotten"` // its secret was stored
		}{true, id, w.Name, w.URL, forgotten}, func() error {
			text := fmt.Sprintf("Webhook %s (%s) is deleted", plain(w.Name), id)
			if forgotten {
				text += ", and its secret forgotten"
			}
			_, err := fmt.Fprintln(a.stdout, text+".")
			return err
		})
	})
}
