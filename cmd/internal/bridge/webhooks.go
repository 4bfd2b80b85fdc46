package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// ErrNoSecret: Dixa does not tell what a subscription signs its webhooks with.
var ErrNoSecret = errors.New("the secret of the webhook is not known")

// HookPath is where the receiver of a connection takes webhooks. It has the form of the one that Plecto's own integration
// uses, so that an address can be swapped by its host alone.
func HookPath(connection string) string { return "/admin/data-sources/dixa/" + connection + "/hook/" }

var hookPath = regexp.MustCompile(`/admin/data-sources/dixa/([^/]+)/hook/?$`)

// HookConnection returns whose receiver a path that ends in a HookPath leads to, with or without the slash at its end; ok is
// false where it has another form.
func HookConnection(path string) (connection string, ok bool) {
	found := hookPath.FindStringSubmatch(path)
	if found == nil {
		return "", false
	}
	connection, err := ParseUUID(found[1])
	return connection, err == nil
}

// WebhookEvents returns the names of the events that change a row of any linked source, in Dixa's order.
func (b *Bridge) WebhookEvents(ctx context.Context) ([]string, error) {
	sources, err := b.Store.Sources(ctx)
	return eventsFor(kindsOf(sources)), err
}

// MessageEvent is the event of a new message, as the Dixa API spells it.
const MessageEvent = "ConversationMessageAdded"

// eventsFor leaves out what changes no record: typing, the delivery of messages, service levels, banned customers. Of
// messages alone the others tell nothing: their rows show the conversation as it is in the cache, and it is fetched only
// where a source takes conversations.
func eventsFor(kinds []string) []string {
	if slices.Equal(kinds, []string{string(dixa.Messages)}) {
		return []string{MessageEvent}
	}
	return slices.DeleteFunc(dixa.EventNames(), func(name string) bool {
		return !slices.Contains(changesConversation, dixa.EventType(name))
	})
}

// A Subscription is a webhook in Dixa, and what Subscribe did to it; nothing where it was as it should be.
type Subscription struct {
	dixa.Webhook
	Created, Changed bool
	// Namesakes are further ones of that name, which were left alone.
	Namesakes []dixa.Webhook
}

// Subscribe makes the webhook of a name be as it is wanted, and enabled, with the secret that it has. Of several of that
// name it is the one with the wanted address, else the oldest. What one has for authorization Dixa does not tell: where
// some is wanted, it is set each time.
//
// A subscription that comes with ErrNoSecret is there all the same.
func (b *Bridge) Subscribe(ctx context.Context, want dixa.WebhookConfig) (s Subscription, err error) {
	lost := patience{limit: b.Patience}
	for {
		all, err := b.webhooks(ctx)
		if err != nil {
			return s, err
		}
		called := slices.DeleteFunc(all, func(w dixa.Webhook) bool { return w.Name != want.Name })
		if len(called) > 0 {
			s.Webhook, s.Namesakes = choose(called, want.URL)
			break
		}
		s.Created = true
		s.Webhook, err = b.createWebhook(ctx, want)
		if err == nil {
			return s, b.secret(ctx, &s.Webhook)
		}
		// Asked for again at once, there might be two: the list will tell.
		wait, ok := lost.failed()
		if !temporary(err) || !ok || ctx.Err() != nil {
			return s, err
		}
		b.Log.Warn("looking whether it was made", "in", wait, "error", err)
		if err := b.wait(ctx, time.Now().Add(wait), "another try", webhookProgress); err != nil {
			return s, err
		}
	}
	if !asWanted(s.Webhook, want) {
		id := s.ID
		err := b.askWebhooks(ctx, func(ctx context.Context) (err error) {
			s.Webhook, err = b.Dixa.UpdateWebhook(ctx, id, want)
			return err
		})
		if err != nil {
			return s, err
		}
		s.Changed = !s.Created
	}
	return s, b.secret(ctx, &s.Webhook)
}

// createWebhook makes one with a request that is not made again where its answer is lost.
func (b *Bridge) createWebhook(ctx context.Context, want dixa.WebhookConfig) (w dixa.Webhook, err error) {
	var lost error
	err = b.askWebhooks(ctx, func(ctx context.Context) error {
		made, err := b.Dixa.CreateWebhook(ctx, want)
		if temporary(err) {
			lost = err
			return nil
		}
		w = made
		return err
	})
	return w, cmp.Or(err, lost)
}

// choose returns which of the webhooks of one name is meant, and the others.
func choose(called []dixa.Webhook, address string) (one dixa.Webhook, others []dixa.Webhook) {
	best := 0
	for i, w := range called {
		leads, led := w.URL == address, called[best].URL == address
		if leads && !led || leads == led && w.CreatedAt.Before(called[best].CreatedAt) {
			best = i
		}
	}
	return called[best], slices.Concat(called[:best], called[best+1:])
}

func asWanted(w dixa.Webhook, want dixa.WebhookConfig) bool {
	return w.Enabled && w.URL == want.URL && want.Authorization == dixa.Authorization{} &&
		slices.Equal(slices.Sorted(slices.Values(w.Events)), slices.Sorted(slices.Values(want.Events)))
}

// secret completes a webhook that came without its secret.
func (b *Bridge) secret(ctx context.Context, w *dixa.Webhook) error {
	if w.Secret == "" {
		whole, err := b.webhook(ctx, w.ID)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoSecret, err)
		}
		w.Secret = whole.Secret
	}
	if w.Secret == "" {
		return fmt.Errorf("%w: Dixa's answer does not have it", ErrNoSecret)
	}
	if _, err := dixa.ParseSecrets(w.Secret); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSecret, err)
	}
	return nil
}

// Delivered is a webhook with the last delivery of each event.
type Delivered struct {
	dixa.Webhook
	Ours       bool // its address ends in the HookPath of this connection
	Deliveries []dixa.Delivery
	Err        error // why the deliveries are not known
}

// Last returns the newest delivery; ok is false where there was none lately.
func (d Delivered) Last() (last dixa.Delivery, ok bool) {
	for _, one := range d.Deliveries {
		if one.At.After(last.At) {
			last, ok = one, true
		}
	}
	return last, ok
}

// Subscriptions returns every webhook of the organisation.
func (b *Bridge) Subscriptions(ctx context.Context) ([]Delivered, error) {
	webhooks, err := b.webhooks(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Delivered, len(webhooks))
	p := patience{limit: b.Patience} // for all of them together
	for i, w := range webhooks {
		d := Delivered{Webhook: w}
		if u, err := url.Parse(w.URL); err == nil {
			connection, _ := HookConnection(u.Path)
			d.Ours = connection == b.Store.Connection()
		}
		d.Err = b.ask(ctx, b.Limits.api(), &p, webhookProgress, func(ctx context.Context, _ ticket) (err error) {
			d.Deliveries, err = b.Dixa.Deliveries(ctx, w.ID)
			return err
		})
		if ctx.Err() != nil {
			return nil, d.Err
		}
		all[i] = d
	}
	return all, nil
}

// Unsubscribe deletes a webhook and returns it as it was; [dixa.ErrNotFound] says that there is none with that id.
func (b *Bridge) Unsubscribe(ctx context.Context, id string) (dixa.Webhook, error) {
	w, err := b.webhook(ctx, id)
	if err != nil {
		return w, err
	}
	err = b.askWebhooks(ctx, func(ctx context.Context) error { return b.Dixa.DeleteWebhook(ctx, id) })
	if errors.Is(err, dixa.ErrNotFound) { // an answer was lost
		err = nil
	}
	return w, err
}

func (b *Bridge) webhooks(ctx context.Context) (all []dixa.Webhook, err error) {
	err = b.askWebhooks(ctx, func(ctx context.Context) (err error) {
		all, err = b.Dixa.Webhooks(ctx)
		return err
	})
	return all, err
}

func (b *Bridge) webhook(ctx context.Context, id string) (w dixa.Webhook, err error) {
	err = b.askWebhooks(ctx, func(ctx context.Context) (err error) {
		w, err = b.Dixa.Webhook(ctx, id)
		return err
	})
	return w, err
}

// askWebhooks makes a request that may be made again.
func (b *Bridge) askWebhooks(ctx context.Context, request func(context.Context) error) error {
	p := patience{limit: b.Patience}
	return b.ask(ctx, b.Limits.api(), &p, webhookProgress, func(ctx context.Context, _ ticket) error { return request(ctx) })
}

func webhookProgress() Progress { return Progress{Flow: "webhook", Name: "requests"} }
