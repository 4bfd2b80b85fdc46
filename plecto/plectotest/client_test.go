package plectotest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// reply is an answer; a connection that was cut has the status 0.
type reply struct {
	status int
	header http.Header
	body   string
}

// object is the body as an object.
func (r reply) object(t *testing.T) map[string]any { return parsed[map[string]any](t, r.body) }

// array is the body as an array of objects.
func (r reply) array(t *testing.T) []map[string]any { return parsed[[]map[string]any](t, r.body) }

func parsed[T any](t *testing.T, body string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in body %q", err, body)
	}
	return v
}

// send makes a request with a login. The body is sent as it is if it is a string, else as JSON.
func send(t *testing.T, s *plectotest.Server, method, target string, body any) reply {
	t.Helper()
	return answered(s, request(t, method, target, body))
}

func request(t *testing.T, method, target string, body any) *http.Request {
	t.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(text))
	r.SetBasicAuth("push@example.com", "secret")
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return r
}

func answered(h http.Handler, r *http.Request) (answer reply) {
	defer func() {
		if err, ok := recover().(error); ok {
			if !errors.Is(err, http.ErrAbortHandler) {
				panic(err)
			}
			answer = reply{}
		}
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// row is a valid registration; changes override its keys, nil standing for null and omit for none.
func row(dataSource, externalID string, changes map[string]any) map[string]any {
	r := map[string]any{
		"data_source":         dataSource,
		"external_id":         externalID,
		"member_api_provider": "Dixa",
		"member_api_id":       "agent-1",
		"member_name":         "Ida Holm",
		"date":                "2026-01-31T12:00:00Z",
	}
	for k, v := range changes {
		if v == omit {
			delete(r, k)
		} else {
			r[k] = v
		}
	}
	return r
}

const omit = "(omitted)"

func rows(dataSource string, n int) []map[string]any {
	all := make([]map[string]any, n)
	for i := range all {
		all[i] = row(dataSource, fmt.Sprint("row-", i), nil)
	}
	return all
}

func wantStatus(t *testing.T, r reply, status int) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d; body %s", r.status, status, r.body)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
