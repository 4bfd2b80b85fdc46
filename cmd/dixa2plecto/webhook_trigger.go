package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

type triggerFlags struct {
	csid        int64
	to, message string
}

func (a *app) webhookTriggerCommand() *cobra.Command {
	var f triggerFlags
	c := a.command(&cobra.Command{
		Use:   "trigger EVENT",
		Short: "Deliver a test event to the receiver, signed as Dixa signs",
		Long: `Deliver a test event to the receiver, signed as Dixa signs: to try the whole path
without Dixa. All in it is invented but the number of the conversation, which the
receiver then fetches from Dixa as it is.

EVENT is one of Dixa's, in either spelling; ` + "`webhook create --help`" + ` lists them.`,
		Example: `  dixa2plecto webhook trigger ConversationClosed
  dixa2plecto webhook trigger CONVERSATION_MESSAGE_ADDED --csid 46003
  dixa2plecto webhook trigger ConversationClosed --csid 46003 --to https://live.example.com/admin/data-sources/dixa/0123456789abcdef0123456789abcdef/hook/`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, args []string) error { return noProgress(ctx, a.trigger(ctx, args[0], f)) })
	c.Flags().Int64Var(&f.csid, "csid", 0, "number of the conversation (default the one in the cache that changed last)")
	c.Flags().StringVar(&f.to, "to", "", "address of the receiver (default that of `serve` on this machine)")
	c.Flags().StringVar(&f.message, "message", "", "id of the message that was added (default the conversation's newest in the cache)")
	c.ValidArgsFunction = cobra.FixedCompletions(dixa.EventNames(), cobra.ShellCompDirectiveNoFileComp)
	return c
}

func (a *app) trigger(ctx context.Context, event string, f triggerFlags) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	name, err := eventName(event)
	switch {
	case err != nil:
		return err
	case f.csid < 0:
		return usagef("--csid is the number of a conversation")
	case f.message != "" && name != bridge.MessageEvent:
		return usagef("--message is for %s alone", bridge.MessageEvent)
	}
	if f.to != "" {
		if err := hookAddress("to", f.to); err != nil {
			return err
		}
	}
	authorization, err := a.webhookAuthorization()
	if err != nil {
		return err
	}
	secrets, err := a.webhookSecrets(ctx, cfg)
	if err != nil {
		return err
	}
	return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
		subject, err := subjectOf(ctx, b.Store, name, f)
		if err != nil {
			return err
		}
		here := bridge.HookPath(b.Store.Connection())
		d := delivery{to: cmp.Or(f.to, "http://"+usualListen+here), secret: secrets[0], authorization: authorization}
		id := randomUUID()
		status, took, err := d.post(ctx, testEvent(name, id, subject))
		if err != nil {
			return err
		}
		refused := refusal(status, here)
		return errors.Join(refused, a.result(struct {
			OK      bool   `json:"ok"`
			Event   string `json:"event"`
			EventID string `json:"event_id"`
			CSID    int64  `json:"csid,omitempty"`
			Status  int    `json:"status"`
		}{refused == nil, name, id, subject.csid, status}, func() error {
			text := name
			if subject.csid != 0 {
				text += fmt.Sprintf(" for %d", subject.csid)
			}
			_, err := fmt.Fprintf(a.stdout, "%s -> %d in %d ms\n", text, status, took.Milliseconds())
			return err
		}))
	})
}

// A subject is what a test event is about.
type subject struct {
	csid      int64
	message   string
	messageAt time.Time // zero where unknown
	// at is when the event says that it happened: just after the conversation's last change, as far as it is known, since a
	// receiver waits for a conversation as new as the event.
	at time.Time
}

// subjectOf looks up in the cache what the flags leave open. Events about agents name no conversation.
func subjectOf(ctx context.Context, s *store.Store, event string, f triggerFlags) (subject, error) {
	about := subject{csid: f.csid, message: f.message, at: time.Now()}
	if about.csid == 0 && strings.HasPrefix(event, "Agent") {
		return about, nil
	}
	if about.csid == 0 {
		newest, found, err := s.Newest(ctx, string(dixa.Conversations))
		if err != nil {
			return about, err
		}
		if !found {
			return about, usagef("the cache has no conversation to tell of: name one with --csid")
		}
		about.csid = newest.CSID
	}
	known, err := s.RecordsByID(ctx, string(dixa.Conversations), []string{strconv.FormatInt(about.csid, 10)})
	if err != nil {
		return about, err
	}
	if len(known) > 0 && known[0].UpdatedAt != 0 {
		about.at = time.UnixMilli(min(known[0].UpdatedAt+1, about.at.UnixMilli()))
	}
	if event != bridge.MessageEvent {
		return about, nil
	}
	messages, err := s.RecordsOf(ctx, []string{string(dixa.Messages)}, []int64{about.csid})
	var newest int64
	for _, m := range messages {
		if f.message == m.ID || f.message == "" && m.CreatedAt > newest {
			newest = m.CreatedAt
			about.message, about.messageAt = m.ID, time.UnixMilli(m.CreatedAt)
		}
	}
	return about, err
}

// A delivery is how an event reaches a receiver.
type delivery struct {
	to            string
	secret        []byte
	authorization dixa.Authorization
}

// maxDelivery is how long a receiver may take.
const maxDelivery = 10 * time.Second

// post delivers an event once, and returns what the receiver answered and how long it took.
func (d delivery) post(ctx context.Context, event object) (status int, took time.Duration, err error) {
	body, err := json.Marshal(event)
	if err != nil {
		return 0, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.to, bytes.NewReader(body))
	if err != nil {
		return 0, 0, usage(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "dixa2plecto/"+version())
	req.Header.Set("X-Dixa-Subscription-Id", randomUUID())
	switch auth := d.authorization; {
	case auth.Token != "":
		req.Header.Set("Authorization", "Bearer "+auth.Token)
	case auth.Username != "":
		req.SetBasicAuth(auth.Username, auth.Password)
	}
	req.Header.Set(dixa.SignatureHeader, dixa.Sign(d.secret, time.Now(), body))
	client := &http.Client{
		Timeout:       maxDelivery,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	began := time.Now()
	resp, err := client.Do(req)
	took = time.Since(began)
	if err != nil {
		return 0, took, unreached(d.to, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // the status has said it all
	return resp.StatusCode, took, nil
}

// A receiverError is why a receiver did not take an event; its kind decides how the command ends.
type receiverError struct {
	text string
	kind error
}

func (e receiverError) Error() string { return e.text }
func (e receiverError) Unwrap() error { return e.kind }

// unreached says of a delivery without an answer whether it may fare better later.
func unreached(to string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address, in whatever form
	}
	text := fmt.Sprintf("the receiver at %s does not answer: %v", to, err)
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return receiverError{text, err}
	}
	return hinted{receiverError{text, dixa.ErrUnavailable}, "start it with `dixa2plecto serve`, or say with --to where it is"}
}

// refusal turns what a receiver answered into an error; here is the path of this connection's.
func refusal(status int, here string) error {
	e := receiverError{text: strings.TrimSpace(fmt.Sprintf("the receiver refuses the event: %d %s", status, http.StatusText(status)))}
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusUnauthorized:
		e.kind = errCredentials
		return hinted{e, "it has another secret than the first of DIXA_WEBHOOK_SECRET here, or asks for other credentials than DIXA_WEBHOOK_BASIC or DIXA_WEBHOOK_TOKEN"}
	case status == http.StatusNotFound:
		return hinted{e, "it is another connection's, or behind a proxy that does not pass on the path: this connection's is " + here}
	case status >= 500:
		e.kind = dixa.ErrUnavailable
		return hinted{e, "look at what the receiver logs, and try again"}
	}
	return e
}

type object = map[string]any

// testEvent is an event in the form in which Dixa delivers it, about nobody.
// https://docs.dixa.io/docs/webhooks/webhooks-payloads
func testEvent(name, id string, about subject) object {
	person := func(who, email, kind string) object {
		return object{"id": randomUUID(), "name": who, "email": email, "phone": nil, "roles": []string{}, "user_type": kind}
	}
	agent := person("Example Agent", "agent@example.com", "Member")
	queue := object{"id": randomUUID(), "name": "Example Queue"}
	conversation := object{
		"csid": about.csid, "channel": "EMAIL", "status": "OPEN", "direction": "INBOUND", "queue": queue,
		"contact_point": "help@example.com", "requester": person("Example Customer", "customer@example.com", "Contact"),
		"assignee": nil, "subject": "Test event", "tags": []object{}, "created_at": stamp(about.at),
	}
	data := object{"conversation": conversation}
	switch name {
	case "ConversationPending":
		conversation["status"] = "PENDING"
	case "ConversationClosed":
		conversation["status"] = "CLOSED"
	case "ConversationAbandoned":
		data["queue"] = queue
	case "ConversationAssigned":
		conversation["assignee"] = agent
	case bridge.MessageEvent:
		messageAt := about.messageAt
		if messageAt.IsZero() {
			messageAt = time.Now()
		}
		if about.message != "" {
			data["message_id"] = about.message
		}
		data["author"], data["created_at"], data["direction"], data["channel"] = conversation["requester"], stamp(messageAt), "inbound", "EMAIL"
		data["text"], data["attachments"], data["external_id"] = "Test event", []object{}, nil
		data["content"] = object{"text": "Test event", "content_type": nil, "original_content_url": nil, "processed_content_url": nil}
	case "ConversationNoteAdded":
		data["note_id"], data["text"], data["created_at"], data["author"] = randomUUID(), "Test event", stamp(about.at), agent
	case "ConversationTagAdded", "ConversationTagRemoved":
		data["tag"], data["author"] = "test", agent
	case "ConversationRated":
		data["agent"], data["score"], data["comment"], data["type"] = agent, 5, "Test event", "Csat"
	}
	if about.csid == 0 {
		delete(data, "conversation")
	}
	return object{
		"event_id": id, "event_fqn": dixa.EventType(name), "event_version": "1", "event_timestamp": stamp(about.at),
		"organization": object{"id": randomUUID(), "name": "Example Organisation"}, "data": data,
	}
}

// stamp writes a time as webhooks do.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// randomUUID returns a UUID of version 4. https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
