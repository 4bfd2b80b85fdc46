package dixa_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

const (
	hookID = "6f0c2a10-6d0e-4a53-9d0f-1c1f7c1a0001"
	hook   = `{"id":"` + hookID + `","name":"example","subscribedEvents":["ConversationCreated","ConversationClosed"],"url":"https://example.com/hook/",` +
		`"headers":{"Authorization":"Basic aG9vazpzM2NyZXQ="},"secretKey":"5ec2e700","enabled":true,"createdAt":"2025-10-06T12:00:00Z","createdBy":"a","updatedAt":"2025-10-06T12:00:00Z","updatedBy":"a"}`
)

var hookConfig = dixa.WebhookConfig{
	Name: "example", URL: "https://example.com/hook/", Events: []string{"ConversationCreated", "ConversationClosed"},
	Authorization: dixa.Authorization{Username: "hook", Password: "s3cret"},
}

// asked keeps of each request that a server got its line, the headers that matter and its body.
type asked struct {
	mu  sync.Mutex
	all []string
}

func (a *asked) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = []byte(err.Error())
	}
	line := strings.Join([]string{r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}, " ")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, strings.TrimSpace(line))
}

func (a *asked) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// answering notes each request and answers all alike.
func (a *asked) answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.note(r)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// subscriptionCalls are all calls about webhooks.
var subscriptionCalls = map[string]func(ctx context.Context, c *dixa.Client) (any, error){
	"list":   func(ctx context.Context, c *dixa.Client) (any, error) { return c.Webhooks(ctx) },
	"get":    func(ctx context.Context, c *dixa.Client) (any, error) { return c.Webhook(ctx, hookID) },
	"create": func(ctx context.Context, c *dixa.Client) (any, error) { return c.CreateWebhook(ctx, hookConfig) },
	"update": func(ctx context.Context, c *dixa.Client) (any, error) {
		return c.UpdateWebhook(ctx, hookID, hookConfig)
	},
	"delete":     func(ctx context.Context, c *dixa.Client) (any, error) { return nil, c.DeleteWebhook(ctx, hookID) },
	"deliveries": func(ctx context.Context, c *dixa.Client) (any, error) { return c.Deliveries(ctx, hookID) },
}

func TestEachCallAboutWebhooksIsOneRequestAsDocumented(t *testing.T) {
	const body = `application/json {"name":"example","url":"https://example.com/hook/","events":["ConversationCreated","ConversationClosed"],` +
		`"authorization":{"_type":"BasicAuth","password":"s3cret","username":"hook"},"customHeaders":{},"enabled":true}`
	webhook := dixa.Webhook{
		ID: hookID, Name: "example", URL: "https://example.com/hook/", Events: hookConfig.Events, Enabled: true,
		CreatedAt: time.Date(2025, 10, 6, 12, 0, 0, 0, time.UTC), Secret: "5ec2e700",
	}
	for _, row := range []struct {
		call    string
		status  int
		reply   string
		request string
		want    any
	}{
		{"list", 200, `{"data":[` + hook + `]}`, "GET /v1/webhooks example-token", []dixa.Webhook{webhook}},
		{"list", 200, `{"data":[]}`, "GET /v1/webhooks example-token", []dixa.Webhook(nil)},
		{"get", 200, `{"data":` + hook + `}`, "GET /v1/webhooks/" + hookID + " example-token", webhook},
		{"create", 201, `{"data":` + hook + `}`, "POST /v1/webhooks example-token " + body, webhook},
		{"create", 200, `{"data":` + hook + `}`, "POST /v1/webhooks example-token " + body, webhook},
		{"update", 200, `{"data":` + hook + `}`, "PATCH /v1/webhooks/" + hookID + " example-token " + body, webhook},
		{"update", 202, `{"data":` + hook + `}`, "PATCH /v1/webhooks/" + hookID + " example-token " + body, webhook},
		{"delete", 204, "", "DELETE /v1/webhooks/" + hookID + " example-token", nil},
		{"delete", 200, "", "DELETE /v1/webhooks/" + hookID + " example-token", nil},
		{"delete", 200, `{"data":` + hook + `}`, "DELETE /v1/webhooks/" + hookID + " example-token", nil},
		{"deliveries", 200, `{"data":[]}`, "GET /v1/webhooks/" + hookID + "/delivery-status example-token", []dixa.Delivery(nil)},
	} {
		var a asked
		got, err := subscriptionCalls[row.call](t.Context(), client(t, a.answering(row.status, row.reply)))
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s gives %+v, %v", row.call, got, err)
		}
		if all := a.requests(); !slices.Equal(all, []string{row.request}) {
			t.Errorf("%s asks\n%q, want\n%q", row.call, all, row.request)
		}
	}
}

func TestASubscriptionIsSentWithTheAuthorizationItIsToHave(t *testing.T) {
	for _, row := range []struct {
		cfg  dixa.WebhookConfig
		want string
	}{
		{dixa.WebhookConfig{Name: "n", URL: "u"}, `{"name":"n","url":"u","authorization":{"_type":"NoAuth"},"customHeaders":{},"enabled":true}`},
		{dixa.WebhookConfig{Events: []string{"TypingStarted"}, Authorization: dixa.Authorization{Token: "s3cret"}},
			`{"name":"","url":"","events":["TypingStarted"],"authorization":{"_type":"TokenAuth","value":"s3cret"},"customHeaders":{},"enabled":true}`},
		{dixa.WebhookConfig{Authorization: dixa.Authorization{Username: `<"å>`}},
			`{"name":"","url":"","authorization":{"_type":"BasicAuth","username":"<\"å>","password":""},"customHeaders":{},"enabled":true}`},
	} {
		var bodies []string
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(body))
			io.WriteString(w, `{"data":`+hook+`}`)
		}))
		_, created := c.CreateWebhook(t.Context(), row.cfg)
		_, updated := c.UpdateWebhook(t.Context(), hookID, row.cfg)
		if created != nil || updated != nil || len(bodies) != 2 {
			t.Fatalf("%v, %v", created, updated)
		}
		for _, body := range bodies {
			var got, want any
			if err := errors.Join(json.Unmarshal([]byte(body), &got), json.Unmarshal([]byte(row.want), &want)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v is sent as %s (%v)", row.cfg, body, err)
			}
		}
	}
}

func TestASubscriptionWithTwoAuthorizationsIsNotAskedFor(t *testing.T) {
	c := client(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was made") }))
	cfg := dixa.WebhookConfig{Authorization: dixa.Authorization{Password: "s3cret", Token: "s3cret"}}
	_, created := c.CreateWebhook(t.Context(), cfg)
	_, updated := c.UpdateWebhook(t.Context(), hookID, cfg)
	for _, err := range []error{created, updated} {
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestWhatASubscriptionLacksIsLeftEmpty(t *testing.T) {
	for _, row := range []struct {
		reply string
		want  dixa.Webhook
	}{
		{`{"id":"w1"}`, dixa.Webhook{ID: "w1"}},
		{`{"id":"w1","name":null,"subscribedEvents":null,"url":null,"secretKey":null,"enabled":null,"createdAt":null}`, dixa.Webhook{ID: "w1"}},
		{`{"id":"w1","enabled":false,"subscribedEvents":[],"createdAt":"once","headers":7}`, dixa.Webhook{ID: "w1", Events: []string{}}},
		{`{"id":"w1","createdAt":"2025-10-06T12:00:00.5Z[GMT]"}`, dixa.Webhook{ID: "w1", CreatedAt: time.Date(2025, 10, 6, 12, 0, 0, 5e8, time.UTC)}},
	} {
		c := client(t, says(`{"data":`+row.reply+`}`))
		if got, err := c.Webhook(t.Context(), "w1"); err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s is %#v, %v", row.reply, got, err)
		}
	}
}

func TestAnIDThatIsNoneAsksNothing(t *testing.T) {
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was asked", r.Method, r.URL) }))
	for _, id := range []string{"", ".", "..", "../organization", "a/b", "a?b", "a#b", "a b", "a%2fb", "%2e%2e", "{id}", "å", "a\n"} {
		_, got := c.Webhook(t.Context(), id)
		_, updated := c.UpdateWebhook(t.Context(), id, hookConfig)
		_, delivered := c.Deliveries(t.Context(), id)
		for _, err := range []error{got, updated, delivered, c.DeleteWebhook(t.Context(), id)} {
			if !errors.Is(err, dixa.ErrNotFound) {
				t.Errorf("%q gives %v", id, err)
			}
		}
	}
}

func TestARefusalOfACallAboutWebhooksSaysWhatWasDone(t *testing.T) {
	for call, want := range map[string]string{
		"list":       "dixa: asking for the webhooks: 404 Not Found: The requested resource could not be found",
		"get":        "dixa: asking for webhook " + hookID + ": 404 Not Found: The requested resource could not be found",
		"create":     "dixa: creating a webhook: 404 Not Found: The requested resource could not be found",
		"update":     "dixa: changing webhook " + hookID + ": 404 Not Found: The requested resource could not be found",
		"delete":     "dixa: deleting webhook " + hookID + ": 404 Not Found: The requested resource could not be found",
		"deliveries": "dixa: asking for the deliveries of webhook " + hookID + ": 404 Not Found: The requested resource could not be found",
	} {
		var a asked
		_, err := subscriptionCalls[call](t.Context(), client(t, a.answering(404, `{"message":"The requested resource could not be found"}`)))
		if !slices.Equal(kinds(err), []error{dixa.ErrNotFound}) || fmt.Sprint(err) != want {
			t.Errorf("%s gives %q, which is %v", call, err, kinds(err))
		}
	}
}

func TestASuccessWithoutASubscriptionIsNone(t *testing.T) {
	for _, body := range []string{"", "null", "{}", `{"data":null}`, `{"data":{}}`, `{"data":[7]}`, `{"data":"` + hookID + `"}`, `{"data":`, "<html>Sign in</html>", hookID} {
		for call, do := range subscriptionCalls {
			got, err := do(t.Context(), client(t, says(body)))
			switch {
			case call == "delete" && (body == "" || json.Valid([]byte(body))), call == "deliveries" && body == `{"data":[7]}`:
				if err != nil {
					t.Errorf("%s with %q: %v", call, body, err)
				}
			case !errors.Is(err, dixa.ErrUnavailable) || strings.Contains(err.Error(), "Sign in"):
				t.Errorf("%s with %q gives %+v, %v", call, body, got, err)
			}
		}
	}
}

func TestNoErrorAndNoLogHasASecretOfAWebhook(t *testing.T) {
	const password, bearer = `pa"ss\wörd <&>`, "b3arer"
	basic := base64.StdEncoding.EncodeToString([]byte("hook:" + password))
	for _, row := range []struct {
		auth   dixa.Authorization
		header string
		tells  []string // what of it may not be said
	}{
		{dixa.Authorization{Username: "hook", Password: password}, "Basic " + basic, []string{"wörd", basic[:8]}},
		{dixa.Authorization{Token: bearer}, "Bearer " + bearer, []string{"b3ar"}},
	} {
		secret := row.auth.Password + row.auth.Token
		sent := quoted(t, map[string]string{"secret": secret, "header": row.header})
		var plain strings.Builder // the same as another program may write it
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(secret); err != nil {
			t.Fatal(err)
		}
		said := []string{
			`{"message":` + quoted(t, "Invalid value "+secret+" in request") + `}`,
			`{"message":` + quoted(t, "No such "+row.header) + `}`,
			`{"message":` + quoted(t, "Decoding failure in "+sent) + `}`,
			`{"message":` + quoted(t, "Decoding failure in "+plain.String()) + `}`,
			`{"message":` + quoted(t, strings.Repeat("-", 195)+secret) + `}`,
		}
		unsaid := []string{
			`{"error":` + sent + `,"data":` + hook + `}`, `{"data":` + hook + `}`, `{"data":[` + hook + `]`, `{"data":{"secretKey":["5ec2e700",` + sent + `]}}`,
			`<p>` + hook + sent + secret + row.header + `</p>`, `5ec2e700 ` + secret + ` ` + row.header, strings.Repeat(" ", 4090) + secret,
			`{"message":"` + strings.Repeat(" ", 4080) + secret,
		}
		for _, body := range slices.Concat(said, unsaid) {
			for _, status := range []int{200, 201, 206, 302, 400, 401, 404, 422, 429, 500, 503} {
				var out bytes.Buffer
				var a asked
				cfg := config(t, a.answering(status, body))
				cfg.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
				c := dixa.New(cfg)
				_, created := c.CreateWebhook(t.Context(), dixa.WebhookConfig{Authorization: row.auth})
				_, updated := c.UpdateWebhook(t.Context(), hookID, dixa.WebhookConfig{Authorization: row.auth})
				fmt.Fprintln(&out, created, updated)
				for _, do := range subscriptionCalls {
					if slices.Contains(said, body) {
						break // of what another call sent this one knows nothing
					}
					_, err := do(t.Context(), c)
					fmt.Fprintln(&out, err)
				}
				for _, tells := range append(row.tells, "5ec2e700", "aG9vazpz") {
					if strings.Contains(out.String(), tells) {
						t.Errorf("%d %.60s: %q was said: %s", status, body, tells, &out)
					}
				}
				if status == 400 && slices.Contains(said, body) && !strings.Contains(created.Error(), "***") {
					t.Errorf("%.60s: the error is %v", body, created)
				}
			}
		}
	}
}

// quoted is a value in JSON.
func quoted(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACallAboutWebhooksIsNotRepeated(t *testing.T) {
	for call, do := range subscriptionCalls {
		for name, trouble := range map[string]http.HandlerFunc{
			"dropped":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			"throttled":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
			"redirected": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/v1/elsewhere")
				w.WriteHeader(http.StatusPermanentRedirect)
			},
		} {
			var a asked
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.note(r)
				if r.URL.Path == "/v1/organization" {
					io.WriteString(w, `{"data":{"id":"o1"}}`)
					return
				}
				trouble(w, r)
			}))
			// It leaves a connection open, over which net/http would by itself send the next again.
			if _, err := c.Organization(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := do(t.Context(), c); err == nil || len(a.requests()) != 2 {
				t.Errorf("%s, %s: %q, %v", call, name, a.requests(), err)
			}
		}
	}
}

func TestDeliveriesAreToldAsFarAsTheyAreKnown(t *testing.T) {
	at := time.Date(2025, 10, 6, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		element string
		want    []dixa.Delivery
	}{
		{`{"event":"ConversationClosed","deliveryStatus":{"_type":"DeliveryDetail","deliveryTimestamp":"2025-10-06T12:00:00Z","success":true,"responseCode":204,"responseText":""}}`,
			[]dixa.Delivery{{Event: "ConversationClosed", At: at, OK: true, Code: 204}}},
		{`{"event":"ConversationClosed","deliveryStatus":{"_type":"DeliveryDetail","deliveryTimestamp":"2025-10-06T12:00:00Z[GMT]","success":false,"responseCode":"503","responseText":"<h1>\n\tNo\u001b[0m\r\n</h1>"}}`,
			[]dixa.Delivery{{Event: "ConversationClosed", At: at, Code: 503, Text: "<h1> No [0m </h1>"}}},
		{`{"event":"ConversationClosed","deliveryStatus":{"_type":"NoRecentDelivery"}}`, []dixa.Delivery{{Event: "ConversationClosed"}}},
		{`{"deliveryStatus":{"success":true,"deliveryTimestamp":1759752000000},"event":"TypingStarted"}`, []dixa.Delivery{{Event: "TypingStarted", At: at, OK: true}}},
		{`{"event":"TypingStarted","deliveryStatus":{"responseText":"` + strings.Repeat("å", 300) + `"}}`,
			[]dixa.Delivery{{Event: "TypingStarted", Text: strings.Repeat("å", 200) + "…"}}},
		{`{"event":"TypingStarted","deliveryStatus":{"responseText":"no such token: example-token"}}`, []dixa.Delivery{{Event: "TypingStarted", Text: "no such token: ***"}}},
		{`{"event":"TypingStarted","deliveryStatus":{"deliveryTimestamp":{},"success":"true","responseCode":null,"responseText":["x"]}}`, []dixa.Delivery{{Event: "TypingStarted"}}},
		{`{"event":"TypingStarted","deliveryStatus":null}`, []dixa.Delivery{{Event: "TypingStarted"}}},
		{`{"event":"TypingStarted","deliveryStatus":["success",true]}`, []dixa.Delivery{{Event: "TypingStarted"}}},
		{`{"event":"TypingStarted","deliveryStatus":"fine"}`, []dixa.Delivery{{Event: "TypingStarted"}}},
		{`{"event":"TypingStarted"}`, []dixa.Delivery{{Event: "TypingStarted"}}},
		{`{"event":null}`, nil}, {`{}`, nil}, {`null`, nil}, {`7`, nil}, {`[]`, nil}, {`"TypingStarted"`, nil},
	} {
		got, err := client(t, says(`{"data":[ `+row.element+" ]}")).Deliveries(t.Context(), hookID)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%.120s is %+v, %v", row.element, got, err)
		}
	}
}
