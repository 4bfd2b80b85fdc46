package dixa

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Webhook is a subscription to events, which Dixa delivers to an address.
// https://docs.dixa.io/openapi/dixa-api/v1/webhooks/postwebhooks
type Webhook struct {
	ID, Name, URL string
	Events        []string // names, as [EventNames] has them; empty where Dixa tells none
	Enabled       bool
	CreatedAt     time.Time // zero where unknown
	// Secret is what its deliveries are signed with, in hex; empty where the reply has none. [ParseSecrets] reads it.
	Secret string `json:"-"`
}

// String keeps the secret out of messages.
func (w Webhook) String() string { return "webhook " + w.ID + " to " + w.URL }

// LogValue keeps the secret out of logs.
func (w Webhook) LogValue() slog.Value { return slog.StringValue(w.String()) }

// A WebhookConfig says what a subscription is to be.
type WebhookConfig struct {
	// Name and URL are needed.
	Name, URL string
	// Events are names, as [EventNames] has them. Without any it is Dixa that chooses, or leaves them as they are.
	Events []string
	// Authorization is what each delivery brings beside its signature.
	Authorization Authorization
}

// String keeps the authorization out of messages.
func (c WebhookConfig) String() string { return "webhook " + c.Name + " to " + c.URL }

// LogValue keeps the authorization out of logs.
func (c WebhookConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// An Authorization is how deliveries authorise themselves: with a user name and password, or with a bearer token. The zero
// value is none.
type Authorization struct {
	Username string `json:"-"`
	Password string `json:"-"`
	Token    string `json:"-"`
}

// String keeps the authorization out of messages.
func (a Authorization) String() string { return "***" }

// LogValue keeps the authorization out of logs.
func (a Authorization) LogValue() slog.Value { return slog.StringValue(a.String()) }

// A Delivery is the last one of an event.
type Delivery struct {
	Event string    // its name, as [EventNames] has it
	At    time.Time // zero where there was none lately
	OK    bool
	Code  int    // the status it was answered with; 0 where unknown
	Text  string // what it was answered with, shortened and in one line
}

// Webhooks asks for all subscriptions. The list comes whole, and in no order that is documented.
func (c *Client) Webhooks(ctx context.Context) ([]Webhook, error) {
	var reply struct{ Data []subscription }
	if err := c.call(ctx, request{what: "the webhooks", path: "/webhooks", private: true}, &reply); err != nil {
		return nil, err
	}
	if reply.Data == nil {
		return nil, fmt.Errorf("dixa: reading the webhooks: %w: a list without data", ErrUnavailable)
	}
	var all []Webhook
	for _, s := range reply.Data {
		all = append(all, s.webhook())
	}
	return all, nil
}

// Webhook asks for one subscription.
func (c *Client) Webhook(ctx context.Context, id string) (Webhook, error) {
	r, err := webhookRequest(http.MethodGet, id, "")
	if err != nil {
		return Webhook{}, err
	}
	return c.webhook(ctx, r)
}

// CreateWebhook makes a subscription. After an error there may be one nevertheless: see [Client.Webhooks] before
// making another.
func (c *Client) CreateWebhook(ctx context.Context, cfg WebhookConfig) (Webhook, error) {
	r := request{method: http.MethodPost, what: "a webhook", path: "/webhooks", private: true}
	if err := r.carry(cfg); err != nil {
		return Webhook{}, err
	}
	return c.webhook(ctx, r)
}

// UpdateWebhook makes of a subscription what it is to be, and enables it.
func (c *Client) UpdateWebhook(ctx context.Context, id string, cfg WebhookConfig) (Webhook, error) {
	r, err := webhookRequest(http.MethodPatch, id, "")
	if err != nil {
		return Webhook{}, err
	}
	if err := r.carry(cfg); err != nil {
		return Webhook{}, err
	}
	return c.webhook(ctx, r)
}

// DeleteWebhook ends a subscription.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	r, err := webhookRequest(http.MethodDelete, id, "")
	if err != nil {
		return err
	}
	return c.call(ctx, r, nil)
}

// Deliveries asks how the last delivery of each of a subscription's events went.
func (c *Client) Deliveries(ctx context.Context, id string) ([]Delivery, error) {
	r, err := webhookRequest(http.MethodGet, id, "/delivery-status")
	if err != nil {
		return nil, err
	}
	r.what = "the deliveries of " + r.what
	var reply struct{ Data []json.RawMessage }
	if err := c.call(ctx, r, &reply); err != nil {
		return nil, err
	}
	if reply.Data == nil {
		return nil, fmt.Errorf("dixa: reading %s: %w: a list without data", r.what, ErrUnavailable)
	}
	var all []Delivery
	for _, element := range reply.Data {
		if d := c.delivery(jsontext.Value(element)); d.Event != "" {
			all = append(all, d)
		}
	}
	return all, nil
}

// delivery takes a delivery from its JSON. Whatever is of another form than documented is left empty.
func (c *Client) delivery(v jsontext.Value) (d Delivery) {
	if v.Kind() != '{' {
		return d
	}
	for name, value := range members(v) {
		switch string(name) {
		case `"event"`:
			d.Event = short(value)
		case `"deliveryStatus"`:
			if value.Kind() != '{' {
				break
			}
			for name, value := range members(value) {
				switch string(name) {
				case `"deliveryTimestamp"`:
					d.At = instant(value)
				case `"success"`:
					d.OK = value.Kind() == 't'
				case `"responseCode"`:
					code, _ := integer(value)
					d.Code = int(code)
				case `"responseText"`:
					said, _ := text(value)
					d.Text = c.line(said)
				}
			}
		}
	}
	return d
}

// A subscription is a webhook as the Dixa API gives it. Its headers, which hold the authorization, are not read.
type subscription struct {
	ID               string          `json:"id"`
	Name             string          `json:"name"`
	URL              string          `json:"url"`
	SubscribedEvents []string        `json:"subscribedEvents"`
	Enabled          bool            `json:"enabled"`
	CreatedAt        json.RawMessage `json:"createdAt"`
	SecretKey        string          `json:"secretKey"`
}

func (s subscription) webhook() Webhook {
	return Webhook{
		ID: s.ID, Name: s.Name, URL: s.URL, Events: s.SubscribedEvents, Enabled: s.Enabled,
		CreatedAt: instant(jsontext.Value(s.CreatedAt)), Secret: s.SecretKey,
	}
}

// webhook makes a request whose reply is one subscription.
func (c *Client) webhook(ctx context.Context, r request) (Webhook, error) {
	var reply struct{ Data subscription }
	if err := c.call(ctx, r, &reply); err != nil {
		return Webhook{}, err
	}
	if reply.Data.ID == "" {
		return Webhook{}, fmt.Errorf("dixa: reading %s: %w: it has no id", r.what, ErrUnavailable)
	}
	return reply.Data.webhook(), nil
}

// webhookRequest is a request about one subscription.
func webhookRequest(method, id, rest string) (request, error) {
	r := request{method: method, what: "webhook " + id, path: "/webhooks/" + id + rest, private: true}
	// Anything else could lead to another path; Dixa's are UUIDs.
	if id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return r, fmt.Errorf("dixa: %s webhook %q: %w", r.doing(), id, ErrNotFound)
	}
	return r, nil
}

// carry puts a subscription into the request.
func (r *request) carry(cfg WebhookConfig) error {
	a := cfg.Authorization
	authorization := map[string]string{"_type": "NoAuth"}
	switch basic := a.Username != "" || a.Password != ""; {
	case basic && a.Token != "":
		return fmt.Errorf("dixa: %s %s: its authorization is either a user name and password or a token", r.doing(), r.what)
	case basic:
		authorization = map[string]string{"_type": "BasicAuth", "username": a.Username, "password": a.Password}
		r.secrets = []string{a.Password, base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + a.Password))}
	case a.Token != "":
		authorization = map[string]string{"_type": "TokenAuth", "value": a.Token}
		r.secrets = []string{a.Token}
	}
	r.body = struct {
		Name          string            `json:"name"`
		URL           string            `json:"url"`
		Events        []string          `json:"events,omitempty"`
		Authorization map[string]string `json:"authorization"`
		CustomHeaders struct{}          `json:"customHeaders"`
		Enabled       bool              `json:"enabled"`
	}{Name: cfg.Name, URL: cfg.URL, Events: cfg.Events, Authorization: authorization, Enabled: true}
	return nil
}
