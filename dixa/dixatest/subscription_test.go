package dixatest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

const subscribed = `{"name":"rows","url":"https://hook.example.com/in","events":["ConversationClosed","ConversationRated"],"authorization":{"_type":"NoAuth"}}`

// ask sends a request with a body to the Dixa API.
func ask(s *dixatest.Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", token)
	return serve(s, r)
}

// subscribe makes a subscription and returns it as the reply shows it.
func subscribe(t *testing.T, s *dixatest.Server, body string) dixatest.Subscription {
	t.Helper()
	w := ask(s, http.MethodPost, "/v1/webhooks", body)
	if w.Code != http.StatusCreated {
		t.Fatalf("subscribing is answered %d %s", w.Code, w.Body)
	}
	return data[dixatest.Subscription](t, w)
}

// data reads what the Dixa API wraps.
func data[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var reply struct{ Data T }
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil {
		t.Fatalf("%v in %d %s", err, w.Code, w.Body)
	}
	return reply.Data
}

func TestASubscriptionIsMadeReadChangedAndDeleted(t *testing.T) {
	s := small(t)
	made := subscribe(t, s, subscribed)
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(made.Secret) || !made.Enabled || made.Name != "rows" || len(made.Headers) != 0 || made.CreatedAt == "" {
		t.Errorf("made: %+v", made)
	}
	path := "/v1/webhooks/" + made.ID
	if got := data[dixatest.Subscription](t, ask(s, "GET", path, "")); fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("read again it is %+v, made was %+v", got, made)
	}
	changed := data[dixatest.Subscription](t, ask(s, "PATCH", path, `{"name":"other","enabled":false,"events":["ConversationOpen"]}`))
	if changed.Name != "other" || changed.Enabled || !slices.Equal(changed.Events, []string{"ConversationOpen"}) || changed.URL != made.URL || changed.Secret != made.Secret {
		t.Errorf("changed: %+v", changed)
	}
	second := subscribe(t, s, subscribed)
	if list := data[[]dixatest.Subscription](t, ask(s, "GET", "/v1/webhooks", "")); len(list) != 2 || list[0].ID != made.ID || list[1].Secret != second.Secret {
		t.Errorf("the list is %+v", list)
	}
	if w := ask(s, "DELETE", path, ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("deleting is answered %d %q", w.Code, w.Body)
	}
	for _, gone := range []string{path, path + "/delivery-status", path + "/delivery-status/logs/ConversationClosed"} {
		if w := ask(s, "GET", gone, ""); w.Code != 404 {
			t.Errorf("%s of a deleted subscription is answered %d", gone, w.Code)
		}
	}
	if left := s.Subscriptions(); len(left) != 1 || left[0].ID != second.ID {
		t.Errorf("left are %+v", left)
	}
}

func TestTheCredentialsOfASubscriptionBecomeItsHeaders(t *testing.T) {
	for auth, want := range map[string]string{
		`{"_type":"NoAuth"}`: "",
		`{"_type":"BasicAuth","username":"rows","password":"pass:word"}`: "Basic cm93czpwYXNzOndvcmQ=",
		`{"_type":"TokenAuth","value":"abc"}`:                            "Bearer abc",
	} {
		got := subscribe(t, small(t), `{"name":"n","url":"https://example.com","authorization":`+auth+`,"customHeaders":{"X-Team":"a"}}`)
		headers := map[string]string{"X-Team": "a"}
		if want != "" {
			headers["Authorization"] = want
		}
		if !maps.Equal(got.Headers, headers) {
			t.Errorf("%s gives %v", auth, got.Headers)
		}
	}
}

func TestWhatIsNoSubscriptionIsRefused(t *testing.T) {
	const value, decoding = "Invalid value", "Decoding failure"
	for _, row := range []struct{ member, with, want string }{
		{`"name":"rows"`, `"name":""`, value},
		{`"name":"rows",`, ``, decoding},
		{`"url":"https://hook.example.com/in",`, ``, decoding},
		{`https://hook.example.com/in`, `/in`, value},
		{`https://hook.example.com/in`, `ftp://example.com/in`, value},
		{`https://hook.example.com/in`, `https:///in`, value},
		{`ConversationRated`, `ConversationForgotten`, value},
		{`ConversationRated`, `CONVERSATION_RATED`, value},
		{`,"authorization":{"_type":"NoAuth"}`, ``, decoding},
		{`NoAuth`, `BasicAuth`, decoding},
		{`NoAuth`, `TokenAuth`, decoding},
		{`NoAuth`, `Other`, decoding},
		{`"rows"`, `1`, decoding},
		{`{"name"`, `["name"`, decoding},
	} {
		s := small(t)
		body := strings.Replace(subscribed, row.member, row.with, 1)
		if w := ask(s, "POST", "/v1/webhooks", body); w.Code != 400 || !strings.Contains(w.Body.String(), row.want) || len(s.Subscriptions()) != 0 {
			t.Errorf("%s is answered %d %s", body, w.Code, w.Body)
		}
	}
}

func TestAChangeThatIsRefusedChangesNothing(t *testing.T) {
	s := small(t)
	made := subscribe(t, s, subscribed)
	for _, body := range []string{`{"name":"other","events":["Nothing"]}`, `{"name":"other","url":"nowhere"}`, `{"name":"other","authorization":{"_type":"?"}}`, `{`} {
		if w := ask(s, "PATCH", "/v1/webhooks/"+made.ID, body); w.Code != 400 {
			t.Errorf("%s is answered %d %s", body, w.Code, w.Body)
		}
	}
	if got := s.Subscriptions()[0]; fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("it became %+v", got)
	}
}

func TestWebhooksAreAskedForLikeTheRestOfTheDixaAPI(t *testing.T) {
	s := small(t)
	made := subscribe(t, s, subscribed)
	for _, row := range []struct {
		method, path string
		want         int
	}{
		{"PUT", "/v1/webhooks", 405},
		{"POST", "/v1/webhooks/" + made.ID, 405},
		{"DELETE", "/v1/webhooks/" + made.ID + "/delivery-status", 405},
		{"GET", "/v1/webhooks/not-a-uuid", 400},
		{"GET", "/v1/webhooks/" + strings.ToUpper(made.ID), 200},
		{"GET", "/v1/webhooks/2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001", 404},
		{"PATCH", "/v1/webhooks/2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001", 404},
		{"DELETE", "/v1/webhooks/2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001", 404},
		{"GET", "/v1/webhooks/" + made.ID + "/delivery-status/logs/Nothing", 400},
		{"GET", "/v1/webhooks/" + made.ID + "/", 404},
		{"GET", "/v1/webhooks/", 404},
		{"GET", "/v1/webhooks/" + made.ID + "/elsewhere", 404},
	} {
		if w := ask(s, row.method, row.path, "{}"); w.Code != row.want {
			t.Errorf("%s %s is answered %d %s, want %d", row.method, row.path, w.Code, w.Body, row.want)
		}
	}
	r := httptest.NewRequest("POST", "/v1/webhooks", strings.NewReader(subscribed))
	if w := serve(s, r); w.Code != 401 {
		t.Errorf("without a token it is answered %d", w.Code)
	}
	s.Fault(dixatest.Fault{Endpoint: dixatest.Webhooks, Status: 503})
	if w := ask(s, "POST", "/v1/webhooks", subscribed); w.Code != 503 || len(s.Subscriptions()) != 1 {
		t.Errorf("with a fault it is answered %d", w.Code)
	}
	s.Behaviour.APIRequestsPerSecond = 1
	get(s, "/v1/organization")
	if w := ask(s, "GET", "/v1/webhooks/"+made.ID, ""); w.Code != 429 {
		t.Errorf("beyond the limit it is answered %d", w.Code)
	}
	log := s.Requests()
	if first := log[0]; first.Endpoint != dixatest.Webhooks || first.Method != "POST" || first.Auth != "raw" || first.Status != 201 || !first.Whole {
		t.Errorf("the log begins with %+v", first)
	}
	if last := log[len(log)-1]; last.Endpoint != dixatest.Webhook || last.Path != "/v1/webhooks/"+made.ID {
		t.Errorf("the log ends with %+v", last)
	}
}

func TestSwitchesForWhatIsNotDocumentedOfSubscriptions(t *testing.T) {
	s := small(t)
	s.Behaviour.Webhooks = dixatest.WebhookBehaviour{RequireCustomHeaders: true, OmitSecret: true, WholePatch: true}
	if w := ask(s, "POST", "/v1/webhooks", subscribed); w.Code != 400 {
		t.Errorf("without customHeaders it is answered %d", w.Code)
	}
	whole := strings.Replace(subscribed, "{", `{"customHeaders":{},`, 1)
	made := subscribe(t, s, whole)
	path := "/v1/webhooks/" + made.ID
	if w := ask(s, "PATCH", path, `{"name":"other"}`); w.Code != 400 {
		t.Errorf("a part is answered %d", w.Code)
	}
	w := ask(s, "PATCH", path, whole)
	if w.Code != 200 || strings.Contains(w.Body.String(), "secretKey") || made.Secret != "" {
		t.Errorf("the whole is answered %d %s", w.Code, w.Body)
	}
	if got := data[dixatest.Subscription](t, ask(s, "GET", path, "")); len(got.Secret) != 64 {
		t.Errorf("read again it is %+v", got)
	}
}

func TestASecretCanBeRotated(t *testing.T) {
	s := small(t)
	made := subscribe(t, s, subscribed)
	secret, ok := s.RotateSecret(made.ID)
	if got := data[dixatest.Subscription](t, ask(s, "GET", "/v1/webhooks/"+made.ID, "")); !ok || secret == made.Secret || got.Secret != secret {
		t.Errorf("rotated to %q, %v; read again it is %q", secret, ok, got.Secret)
	}
	if _, ok := s.RotateSecret("2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001"); ok {
		t.Error("the secret of no subscription was rotated")
	}
}
