package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
)

const hookSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// A hook is a receiver that keeps what it gets.
type hook struct {
	*httptest.Server
	status int
	header http.Header
	body   []byte
	hits   int
}

func newHook(t *testing.T) *hook {
	h := &hook{status: http.StatusNoContent}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hits++
		h.header = r.Header
		h.body, _ = io.ReadAll(r.Body)
		w.Header().Set("Location", "/elsewhere/")
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

// A session runs commands of the program in this process, one after another.
type session struct {
	*testing.T
	env         map[string]string
	out, errors string
}

func newSession(t *testing.T) *session {
	t.Helper()
	sim := newServices()
	t.Cleanup(sim.close)
	s := &session{T: t, env: sim.env(t.TempDir())}
	s.env["DIXA_WEBHOOK_SECRET"] = hookSecret
	day := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC).UnixMilli()
	for kind, record := range map[string]string{
		"conversations": `{"id":7,"created_at":%d,"updated_at":%[1]d,"status":"open"}`,
		"messages":      `{"id":"first","csid":7,"created_at":%d,"direction":"inbound"}`,
	} {
		if err := sim.world.Put(kind, json.RawMessage(fmt.Sprintf(record, day))); err != nil {
			t.Fatal(err)
		}
	}
	second := fmt.Sprintf(`{"id":"second","csid":7,"created_at":%d,"direction":"outbound"}`, day+1500)
	if err := sim.world.Put("messages", json.RawMessage(second)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *session) run(args ...string) int {
	s.Helper()
	var out, errs bytes.Buffer
	code := run(s.Context(), args, world{strings.NewReader(""), &out, &errs, func(name string) string { return s.env[name] }})
	s.out, s.errors = out.String(), errs.String()
	return code
}

// trigger delivers an event, and reads it as a receiver does.
func (s *session) trigger(h *hook, args ...string) dixa.Event {
	s.Helper()
	if code := s.run(append([]string{"webhook", "trigger", "--to", h.URL + "/hook/"}, args...)...); code != exitOK {
		s.Fatalf("%d: %s", code, s.errors)
	}
	secrets, _ := dixa.ParseSecrets(hookSecret)
	if _, err := secrets.Verify(h.header.Values(dixa.SignatureHeader), h.body, time.Now()); err != nil {
		s.Fatal(err)
	}
	event, err := dixa.ParseEvent(h.body)
	if err != nil {
		s.Fatal(err)
	}
	return event
}

func TestATestEventIsWhatDixaWouldDeliver(t *testing.T) {
	s, h := newSession(t), newHook(t)
	for _, name := range dixa.EventNames() {
		event := s.trigger(h, name, "--csid", "46003")
		if event.Type != dixa.EventType(name) || event.CSID != 46003 || time.Since(event.At).Abs() > time.Minute || event.MessageID != "" {
			t.Errorf("%s: %+v", name, event)
		}
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Authorization": ""} {
		if got := h.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if event := s.trigger(h, "AgentBannedIp"); event.CSID != 0 {
		t.Errorf("%+v", event)
	}
	first := s.trigger(h, "conversation_closed", "--csid", "46003", "--json")
	var doc struct {
		OK      bool
		Event   string
		EventID string `json:"event_id"`
		CSID    int64
		Status  int
	}
	if err := json.Unmarshal([]byte(s.out), &doc); err != nil {
		t.Fatal(err)
	}
	if !doc.OK || doc.Event != "ConversationClosed" || doc.EventID != first.ID || doc.CSID != 46003 || doc.Status != http.StatusNoContent {
		t.Errorf("%+v", doc)
	}
	if second := s.trigger(h, "conversation_closed", "--csid", "46003"); second.ID == first.ID || len(first.ID) != 36 || first.ID[14] != '4' {
		t.Errorf("%s and %s", first.ID, second.ID)
	}
	if !strings.HasPrefix(s.out, "ConversationClosed for 46003 -> 204 in ") {
		t.Error(s.out)
	}
}

func TestATestEventIsAboutTheNewestThatTheCacheHas(t *testing.T) {
	s, h := newSession(t), newHook(t)
	if code := s.run("webhook", "trigger", "ConversationClosed", "--to", h.URL); code != exitUsage || h.hits != 0 || !strings.Contains(s.errors, "--csid") {
		t.Fatalf("with nothing in the cache: %d, %s", code, s.errors)
	}
	if code := s.run("import", "--from", "2026-02-03", "--to", "2026-02-03"); code != exitOK {
		t.Fatal(s.errors)
	}
	at := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		args []string
		id   string
		at   time.Time // zero for now
	}{
		{nil, "second", at.Add(1500 * time.Millisecond)},
		{[]string{"--csid", "7"}, "second", at.Add(1500 * time.Millisecond)},
		{[]string{"--message", "first"}, "first", at},
		{[]string{"--message", "unknown"}, "unknown", time.Time{}},
		{[]string{"--csid", "8"}, "", time.Time{}},
	} {
		event := s.trigger(h, append([]string{"ConversationMessageAdded"}, row.args...)...)
		switch {
		case event.MessageID != row.id, event.CSID != 7 && row.args[0] != "--csid":
			t.Errorf("%v: %+v", row.args, event)
		case row.id == "":
		case row.at.IsZero() && time.Since(event.MessageAt).Abs() > time.Minute, !row.at.IsZero() && !event.MessageAt.Equal(row.at):
			t.Errorf("%v: %s", row.args, event.MessageAt)
		}
	}
}

func TestWhatTheReceiverAnswersDecidesHowItEnds(t *testing.T) {
	s, h := newSession(t), newHook(t)
	deliver := []string{"webhook", "trigger", "ConversationClosed", "--csid", "7", "--to", h.URL + "/hook/"}
	for _, row := range []struct {
		status, code int
		hint         string
	}{
		{http.StatusOK, exitOK, ""},
		{http.StatusNoContent, exitOK, ""},
		{http.StatusUnauthorized, exitCredentials, "another secret"},
		{http.StatusNotFound, exitFailed, "/admin/data-sources/dixa/"},
		{http.StatusFound, exitFailed, ""},
		{http.StatusBadRequest, exitFailed, ""},
		{http.StatusRequestEntityTooLarge, exitFailed, ""},
		{http.StatusInternalServerError, exitTemporary, "what the receiver logs"},
		{http.StatusServiceUnavailable, exitTemporary, "what the receiver logs"},
	} {
		h.status = row.status
		before := h.hits
		code := s.run(deliver...)
		if code != row.code || h.hits != before+1 || !strings.Contains(s.out, fmt.Sprintf("-> %d in ", row.status)) ||
			!strings.Contains(s.errors, row.hint) || (s.errors == "") != (code == exitOK) || strings.Contains(s.errors, "credentials are missing") {
			t.Errorf("%d: %d, %s%s", row.status, code, s.out, s.errors)
		}
		if code = s.run(append(deliver, "--json")...); !strings.Contains(s.out, fmt.Sprintf(`"ok": %v`, code == exitOK)) {
			t.Errorf("%d: %s", row.status, s.out)
		}
	}
	h.Close()
	if code := s.run(deliver...); code != exitTemporary || s.out != "" || !strings.Contains(s.errors, "dixa2plecto serve") {
		t.Errorf("without a receiver: %d, %s%s", code, s.out, s.errors)
	}
}

func TestACertificateThatNobodyVouchesForDoesNotMendItself(t *testing.T) {
	s := newSession(t)
	h := httptest.NewUnstartedServer(http.NotFoundHandler())
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	if code := s.run("webhook", "trigger", "ConversationClosed", "--csid", "7", "--to", h.URL); code != exitFailed {
		t.Errorf("%d: %s", code, s.errors)
	}
}

func TestTheReceiverGetsTheCredentialsItAsksFor(t *testing.T) {
	for _, row := range []struct {
		env    map[string]string
		header string
		code   int
	}{
		{map[string]string{"DIXA_WEBHOOK_BASIC": "dixa:pass:word"}, "Basic ZGl4YTpwYXNzOndvcmQ=", exitOK},
		{map[string]string{"DIXA_WEBHOOK_TOKEN": "example"}, "Bearer example", exitOK},
		{map[string]string{"DIXA_WEBHOOK_SECRET": hookSecret + ", 0123"}, "", exitOK},
		{map[string]string{"DIXA_WEBHOOK_BASIC": "dixa"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_BASIC": ":example"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_BASIC": "dixa:example", "DIXA_WEBHOOK_TOKEN": "example"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_TOKEN": "exa\nmple"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_TOKEN_FILE": "/nowhere"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_SECRET": "kanarie"}, "", exitUsage},
		{map[string]string{"DIXA_WEBHOOK_SECRET": " "}, "", exitCredentials},
	} {
		s, h := newSession(t), newHook(t)
		maps.Copy(s.env, row.env)
		code := s.run("webhook", "trigger", "ConversationClosed", "--csid", "7", "--to", h.URL)
		if code != row.code || (h.hits > 0) != (code == exitOK) || code == exitOK && h.header.Get("Authorization") != row.header {
			t.Errorf("%v: %d, %v, %s", row.env, code, h.header, s.errors)
		}
		newest, _ := dixa.ParseSecrets(hookSecret)
		if _, err := newest.Verify(h.header.Values(dixa.SignatureHeader), h.body, time.Now()); code == exitOK && err != nil {
			t.Errorf("%v: %v", row.env, err)
		}
		for _, secret := range row.env {
			if len(secret) > 4 && secret != "/nowhere" && strings.Contains(s.out+s.errors, secret) {
				t.Errorf("%s", s.errors)
			}
		}
	}
}

func TestATestEventGoesNowhereInTheClear(t *testing.T) {
	s := newSession(t)
	for _, args := range [][]string{
		{"ConversationClosed", "--to", "http://live.example.com/hook/"},
		{"ConversationClosed", "--to", "https://dixa:example@live.example.com/hook/"},
		{"ConversationClosed", "--csid", "-1"},
		{"ConversationClosed", "--message", "first"},
		{"ConversationClose"},
	} {
		if code := s.run(append([]string{"webhook", "trigger"}, args...)...); code != exitUsage || s.out != "" {
			t.Errorf("%v: %d, %s", args, code, s.errors)
		}
	}
}

func TestWebhooksAreListedHarmlessly(t *testing.T) {
	at := time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)
	all := []bridge.Delivered{
		{Webhook: dixa.Webhook{ID: "1", Name: "ours", URL: "https://live.example.com/hook/", Enabled: true, Events: []string{"a", "b"}, Secret: hookSecret}, Ours: true,
			Deliveries: []dixa.Delivery{{Event: "a", At: at, OK: true, Code: 204}, {Event: "b"}}},
		{Webhook: dixa.Webhook{ID: "2", Name: "::error::\x1b[31m\u202e", URL: "https://example.com/"},
			Deliveries: []dixa.Delivery{{Event: "a", At: at, Code: 503, Text: "no\x1broom"}}},
		{Webhook: dixa.Webhook{ID: "3", Name: "new", URL: "https://example.com/", Enabled: true}},
		{Webhook: dixa.Webhook{ID: "4", Name: "silent", URL: "https://example.com/", Enabled: true}, Deliveries: []dixa.Delivery{{Event: "a", At: at}}},
		{Webhook: dixa.Webhook{ID: "5", Name: "hidden", URL: "https://example.com/", Enabled: true}, Err: fmt.Errorf("it did\x1b not tell")},
	}
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{json: asJSON, world: world{stdout: &out}}
		if err := a.printWebhooks(all); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), obeyed) || strings.Contains(text, hookSecret) || strings.HasPrefix(text, "::") || strings.Contains(text, "\n::") {
			t.Errorf("%q", text)
		}
		if asJSON {
			continue
		}
		rows := strings.Split(text, "\n")
		for i, want := range []string{
			"", "yes yes 2 2026-11-24T13:00:00Z 204", "no 0 2026-11-24T13:00:00Z failed 503: no\\u001broom",
			"none recently", "failed", "not known: it did\\u001b not tell", "", "Dixa delivers nothing to one that is not enabled",
		} {
			if row := strings.Join(strings.Fields(rows[i]), " "); !strings.Contains(row, want) {
				t.Errorf("%q, not %q", row, want)
			}
		}
	}
}
