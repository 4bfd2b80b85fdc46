package bridge

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// eventBody is the body of an event as Dixa sends it.
func eventBody(id, eventType string, csid int) string {
	return fmt.Sprintf(`{"event_id":%q,"event_fqn":%q,"event_version":"1","event_timestamp":%q,"data":{"conversation":{"csid":%d}}}`,
		id, eventType, time.Now().UTC().Format(time.RFC3339Nano), csid)
}

// asked is a request to a receiver, of which a test changes what it is about.
type asked struct {
	method, path, media, body string
	signature                 []string
	header                    http.Header
}

// receives answers requests as a receiver with some secrets does.
func (l *liveRig) receives(to *Receiver, a asked) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	to.Register(mux)
	req := httptest.NewRequest(a.method, a.path, strings.NewReader(a.body))
	for name, values := range a.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", a.media)
	req.Header[dixa.SignatureHeader] = a.signature
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, req)
	return w
}

// asks is a request with an event that a receiver takes.
func (l *liveRig) asks(id string) asked {
	body := eventBody(id, "CONVERSATION_CLOSED", 1)
	return asked{"POST", HookPath(l.Store.Connection()), "application/json", body, []string{dixa.Sign(l.secrets[0], time.Now(), []byte(body))}, nil}
}

func TestTheReceiverAnswersWithoutAWord(t *testing.T) {
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, err := l.NewLive(l.Context(), LiveOptions{})
		l.must(err)
		signed := func(body string) func(*asked) {
			return func(a *asked) {
				a.body, a.signature = body, []string{dixa.Sign(l.secrets[0], time.Now(), []byte(body))}
			}
		}
		at := func(d time.Duration) func(*asked) {
			return func(a *asked) {
				a.signature = []string{dixa.Sign(l.secrets[0], time.Now().Add(d), []byte(a.body))}
			}
		}
		large := `{"event_id":"large","padding":"` + strings.Repeat("x", maxEvent) + `"}`
		for name, row := range map[string]struct {
			change func(*asked)
			status int
		}{
			"an event": {func(a *asked) {}, 204},
			"the connection with dashes": {func(a *asked) {
				c := l.Store.Connection()
				a.path = HookPath(c[:8] + "-" + c[8:12] + "-" + c[12:16] + "-" + c[16:20] + "-" + c[20:])
			}, 204},
			"no slash at the end":            {func(a *asked) { a.path = strings.TrimSuffix(a.path, "/") }, 204},
			"JSON with a character set":      {func(a *asked) { a.media = "application/json; charset=utf-8" }, 204},
			"an event of no known type":      {signed(eventBody("unknown", "SOMETHING_NEW", 1)), 204},
			"an event without a type":        {signed(`{"event_id":"untyped"}`), 204},
			"an event of no conversation":    {signed(`{"event_id":"none","event_fqn":"AGENT_BANNED_IP","data":{"ip":"192.0.2.1"}}`), 204},
			"a body of nearly the most":      {signed(large[:maxEvent-3] + `"}`), 204},
			"a signature of last year":       {at(-365 * day), 204},
			"a clock a little ahead":         {at(4 * time.Minute), 204},
			"a clock far ahead":              {at(6 * time.Minute), 401},
			"no signature":                   {func(a *asked) { a.signature = nil }, 401},
			"two signatures":                 {func(a *asked) { a.signature = append(a.signature, a.signature[0]) }, 401},
			"a signature in capitals":        {func(a *asked) { a.signature[0] = "t=" + strings.ToUpper(a.signature[0][2:]) }, 401},
			"a malformed signature":          {func(a *asked) { a.signature[0] = "v1=" + strings.Repeat("0", 64) }, 401},
			"another secret":                 {func(a *asked) { a.signature[0] = dixa.Sign([]byte("another"), time.Now(), []byte(a.body)) }, 401},
			"another body":                   {func(a *asked) { a.body += " " }, 401},
			"another connection":             {func(a *asked) { a.path = HookPath(strings.Repeat("0", 32)) }, 404},
			"no connection":                  {func(a *asked) { a.path = HookPath("elsewhere") }, 404},
			"below the hook":                 {func(a *asked) { a.path += "more" }, 404},
			"elsewhere":                      {func(a *asked) { a.path = "/" }, 404},
			"a GET":                          {func(a *asked) { a.method = "GET" }, 405},
			"a PUT":                          {func(a *asked) { a.method = "PUT" }, 405},
			"well signed, but no JSON":       {signed("hello"), 400},
			"well signed, but a list":        {signed(`["event_id"]`), 400},
			"well signed, but without an id": {signed(`{"event_fqn":"CONVERSATION_CLOSED"}`), 400},
			"well signed, but empty":         {signed(""), 400},
			"too large":                      {signed(large), 413},
			"a form":                         {func(a *asked) { a.media = "application/x-www-form-urlencoded" }, 415},
			"text":                           {func(a *asked) { a.media = "text/plain" }, 415},
			"no content type":                {func(a *asked) { a.media = "" }, 415},
		} {
			a := l.asks(name)
			row.change(&a)
			var observed []int
			w := l.receives(&Receiver{Live: live, Secrets: l.secrets, Observe: func(_ string, status int, _ bool, _ time.Duration) {
				observed = append(observed, status)
			}}, a)
			l.equal(name, w.Code, row.status)
			toldOf := a.path == "/" || strings.HasSuffix(a.path, "more") // by net/http, of paths that are not the receiver's
			if !toldOf && (w.Body.Len() > 0 || len(observed) != 1 || observed[0] != row.status) {
				l.Errorf("%s: the body is %q, observed %v", name, w.Body, observed)
			}
			if row.status == 405 {
				l.equal(name+": Allow", w.Header().Get("Allow"), "POST")
			}
		}
		counts, err := l.Store.EventCounts(l.Context())
		l.must(err)
		stored := 0
		for _, c := range counts {
			stored += c.Events
		}
		l.equal("events stored", stored, 10)

		l.must(live.Close())
		w := l.receives(&Receiver{Live: live, Secrets: l.secrets}, l.asks("late"))
		l.equal("after the end", []any{w.Code, w.Body.Len(), w.Header().Get("Retry-After")}, []any{503, 0, "1"})
	})
}

func TestTheReceiverAsksForCredentialsInAdditionToTheSignature(t *testing.T) {
	basic := func(user, password string) http.Header {
		req := httptest.NewRequest("GET", "/", nil)
		req.SetBasicAuth(user, password)
		return req.Header
	}
	bearer := func(text string) http.Header { return http.Header{"Authorization": {text}} }
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, err := l.NewLive(l.Context(), LiveOptions{})
		l.must(err)
		user, token := dixa.Authorization{Username: "dixa", Password: "open"}, dixa.Authorization{Token: "token-1"}
		for name, row := range map[string]struct {
			wants  dixa.Authorization
			header http.Header
			status int
		}{
			"the user":                     {user, basic("dixa", "open"), 204},
			"another password":             {user, basic("dixa", "opem"), 401},
			"another user":                 {user, basic("dixb", "open"), 401},
			"no user":                      {user, nil, 401},
			"an empty user":                {user, basic("", ""), 401},
			"a token in place of the user": {user, bearer("Bearer "), 401},
			"the token":                    {token, bearer("Bearer token-1"), 204},
			"the token in small letters":   {token, bearer("bearer token-1"), 204},
			"another token":                {token, bearer("Bearer token-2"), 401},
			"no token":                     {token, nil, 401},
			"an empty token":               {token, bearer("Bearer "), 401},
			"the bare token":               {token, bearer("token-1"), 401},
			"an empty user for the token":  {token, basic("", ""), 401},
			"not asked for":                {dixa.Authorization{}, basic("dixa", "open"), 204},
		} {
			a := l.asks(name)
			a.header = row.header
			w := l.receives(&Receiver{Live: live, Secrets: l.secrets, Authorization: row.wants}, a)
			l.equal(name, []any{w.Code, w.Body.Len()}, []any{row.status, 0})
			a = l.asks(name + " unsigned")
			a.header, a.signature = row.header, nil
			l.equal(name+", without a signature", l.receives(&Receiver{Live: live, Secrets: l.secrets, Authorization: row.wants}, a).Code, 401)
			a.body = eventBody(name+" unsigned", "CONVERSATION_CLOSED", 1)
			l.equal(name+", where none is asked for", l.receives(&Receiver{Live: live, Authorization: row.wants}, a).Code, row.status)
		}
		l.must(live.Close())
	})
}

func TestTheSameEventAThousandTimesAtOnceIsAppliedOnce(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{})
		defer stop()
		time.Sleep(time.Second)
		l.put("conversations", conversation(1, time.Now()))
		a := l.asks("the same")
		to := &Receiver{Live: live, Secrets: l.secrets}
		mux := http.NewServeMux()
		to.Register(mux)
		before, messages := len(l.exports(dixatest.ConversationExport)), len(l.exports(dixatest.MessageExport))
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				req := httptest.NewRequest(a.method, a.path, bytes.NewReader([]byte(a.body)))
				req.Header.Set("Content-Type", a.media)
				req.Header.Set(dixa.SignatureHeader, a.signature[0])
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, req)
				if w.Code != 204 {
					l.Errorf("one is answered %d", w.Code)
				}
			})
		}
		all.Wait()
		l.drained(time.Minute)
		time.Sleep(time.Minute)
		counts, err := l.Store.EventCounts(l.Context())
		l.must(err)
		l.equal("kinds of events", len(counts), 1)
		l.equal("events", counts[0].Events, 1)
		l.equal("fetches", len(l.exports(dixatest.ConversationExport))-before, 1)
		l.equal("fetches of messages", len(l.exports(dixatest.MessageExport))-messages, 0)
		l.equal("rows", len(l.posted["conversations 1"]), 1)
	})
}

func TestEventsThatChangeNothingAreKeptAndNotFetched(t *testing.T) {
	for name, row := range map[string]struct {
		eventType     string
		csid          int
		conversations int // exports
		messages      int
	}{
		"typing":                     {"TYPING_STARTED", 1, 0, 0},
		"the delivery of a message":  {"CONVERSATION_MESSAGE_DELIVERY_SEEN", 1, 0, 0},
		"of no conversation":         {"AGENT_BANNED_IP", 0, 0, 0},
		"of no known type":           {"CONVERSATION_SNOOZED", 1, 1, 0},
		"of no known type, of none":  {"SOMETHING_NEW", 0, 0, 0},
		"without a type":             {"", 1, 1, 0},
		"one that changes something": {"CONVERSATION_TAG_ADDED", 1, 1, 0},
		"a message":                  {messageAdded, 1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations", "messages"}, func(l *liveRig) {
				live, stop := l.serve(LiveOptions{})
				defer stop()
				l.put("conversations", conversation(1, time.Now()))
				time.Sleep(time.Second)
				conversations, messages := len(l.exports(dixatest.ConversationExport)), len(l.exports(dixatest.MessageExport))
				e := event(row.eventType, int64(row.csid))
				e.At = e.At.Add(-time.Second)
				l.tell(live, e)
				time.Sleep(15 * time.Second)
				l.equal("exports of conversations", len(l.exports(dixatest.ConversationExport))-conversations, row.conversations)
				l.equal("exports of messages", len(l.exports(dixatest.MessageExport))-messages, row.messages)
				counts, err := l.Store.EventCounts(l.Context())
				l.must(err)
				if len(counts) != 1 || counts[0].Type != row.eventType || counts[0].Events != 1 {
					l.Errorf("kept: %v", counts)
				}
			})
		})
	}
}

func TestASecretIsRotatedWithoutAnyEventRefused(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{})
		defer stop()
		b := &l.dixa.Behaviour.Webhooks
		b.LateBy, b.Retries, b.RetryWait = 3*time.Second, 2, time.Second
		const events = 1000
		random := rand.New(rand.NewPCG(7, 7))
		for n := range events {
			if n == events/2 {
				secret, ok := l.dixa.RotateSecret(l.webhook)
				l.equal("rotated", ok, true)
				now, err := dixa.ParseSecrets(fmt.Sprintf("%s,%s", secret, hex.EncodeToString(l.secrets[0])))
				l.must(err)
				l.secrets = now
				l.open(live)
			}
			l.put("conversations", conversation(1+n%50, time.Now()))
			_, err := l.dixa.Emit(dixatest.Event{Name: "ConversationTagAdded", CSID: int64(1 + n%50), Tag: "refund"})
			l.must(err)
			time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond)
		}
		l.must(l.dixa.Flush(l.Context()))
		l.equal("answers", l.status, map[int]int{204: events})
		l.drained(time.Minute)

		// What was signed with the old one is taken as well, until the old one is taken away.
		body := eventBody("old", "CONVERSATION_CLOSED", 1)
		a := asked{"POST", HookPath(l.Store.Connection()), "application/json", body, []string{dixa.Sign(l.secrets[1], time.Now(), []byte(body))}, nil}
		l.equal("with both", l.receives(&Receiver{Live: live, Secrets: l.secrets}, a).Code, 204)
		l.equal("with the new one alone", l.receives(&Receiver{Live: live, Secrets: l.secrets[:1]}, a).Code, 401)
	})
}

func TestAnOldEventIsAHintToFetchAgain(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		l.put("conversations", conversation(1, hour(1)))
		live, stop := l.serve(LiveOptions{})
		defer stop()
		time.Sleep(time.Second)
		body := strings.Replace(eventBody("old", "CONVERSATION_CLOSED", 1), "2000-04-10", "2000-02-01", 1)
		a := asked{"POST", HookPath(l.Store.Connection()), "application/json", body, []string{dixa.Sign(l.secrets[0], hour(750), []byte(body))}, nil}
		l.equal("answer", l.receives(&Receiver{Live: live, Secrets: l.secrets}, a).Code, 204)
		l.drained(10 * time.Minute)
		l.equal("rows", len(l.posted["conversations 1"]), 1)
		l.equal("as of", l.posted["conversations 1"][0].updated.UTC(), hour(1))
	})
}
