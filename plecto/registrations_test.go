package plecto_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestARegistrationIsWrittenAsPlectoTakesIt(t *testing.T) {
	copenhagen := time.FixedZone("", 2*60*60)
	r := plecto.Registration{
		DataSource: "0123456789abcdef0123456789abcdef", ExternalID: "12", Date: time.Date(2025, 10, 6, 1, 30, 15, 999e6, copenhagen),
		MemberProvider: "Dixa", MemberID: "agent-1", MemberName: `Ida "Smed" Holm 😊`,
	}
	want := `{"data_source":"0123456789abcdef0123456789abcdef","external_id":"12","date":"2025-10-05T23:30:15+00:00",` +
		`"member_api_provider":"Dixa","member_api_id":"agent-1","member_name":"Ida \"Smed\" Holm 😊"`
	for _, row := range []struct {
		name  string
		value any
		want  string
	}{
		{"Text", "<b> & \"æøå\"\n\\ \x1b\u2028", `"<b> & \"æøå\"\n\\ \u001b` + "\u2028" + `"`},
		{"No text", "", `""`},
		{"Text that is not UTF-8", "caf\xe9", `"caf�"`},
		{"Whole", int64(math.MinInt64), `-9223372036854775808`},
		{"Seconds", 90.5, `90.5`},
		{"Large", 1e21, `1000000000000000000000`},
		{"Small", 1e-7, `0.0000001`},
		{"Not a number", math.NaN(), `null`},
		{"Endless", math.Inf(-1), `null`},
		{"Yes", true, `true`},
		{"No", false, `false`},
		{"Closed at", time.Date(2025, 3, 30, 2, 0, 0, 0, copenhagen), `"2025-03-30T00:00:00+00:00"`},
		{"Never", time.Time{}, `null`},
		{"Nothing", nil, `null`},
		{`A "name" 😊`, "x", `"x"`},
	} {
		r.Fields = append(r.Fields, plecto.Field{Name: row.name, Value: row.value})
		want += fmt.Sprintf(",%s:%s", quoted(row.name), row.want)
	}
	want += "}"
	if got := string(r.AppendJSON([]byte("before"))); got != "before"+want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
	if !json.Valid([]byte(want)) {
		t.Error("what is wanted is not JSON")
	}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }

func TestABatchIsOneArrayInOneRequest(t *testing.T) {
	rows := []plecto.Registration{registration("0123456789abcdef0123456789abcdef", "1"), registration("0123456789abcdef0123456789abcdef", "2")}
	want := "[" + string(rows[0].AppendJSON(nil)) + "," + string(rows[1].AppendJSON(nil)) + "]"
	var requests []string
	cfg := config(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		requests = append(requests, fmt.Sprint(r.Method, " ", r.URL, " ", string(body), " ", r.ContentLength, err))
		user, pass, _ := r.BasicAuth()
		for _, row := range []struct{ name, got, want string }{
			{"login", user + ":" + pass, email + ":" + password},
			{"Content-Type", r.Header.Get("Content-Type"), "application/json"},
			{"Accept", r.Header.Get("Accept"), "application/json"},
			{"User-Agent", r.Header.Get("User-Agent"), "dixa2plecto/1.0"},
			{"X-Integration", r.Header.Get("X-Integration"), "dixa2plecto/1.0"},
		} {
			if row.got != row.want {
				t.Errorf("%s is %q, want %q", row.name, row.got, row.want)
			}
		}
		w.WriteHeader(http.StatusCreated)
	}))
	cfg.UserAgent = "dixa2plecto/1.0"
	if err := plecto.New(cfg).Register(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if all := []string{fmt.Sprintf("POST /registrations/ %s %d <nil>", want, len(want))}; !slices.Equal(requests, all) {
		t.Errorf("the requests are %q, want %q", requests, all)
	}
}

func TestAnySuccessfulAnswerIsSuccess(t *testing.T) {
	for _, answer := range []plectotest.Answer{
		plectotest.AnswerCreated, plectotest.AnswerOK, plectotest.AnswerEmpty, plectotest.AnswerWithoutIDs, plectotest.AnswerNoContent,
	} {
		s := &plectotest.Server{Email: email, Password: password, Behaviour: plectotest.Behaviour{Answer: answer}}
		source := s.AddDataSource("Conversations")
		rows := make([]plecto.Registration, plecto.MaxBatch)
		for i := range rows {
			rows[i] = registration(source, fmt.Sprint(i))
		}
		if err := client(t, s).Register(t.Context(), rows); err != nil {
			t.Errorf("answer %v: %v", answer, err)
		}
		stored := s.Registrations(source)
		if len(stored) != len(rows) || !stored[0].Date.Equal(rows[0].Date) || stored[0].Fields["Channel"] != "email" || stored[0].MemberID != "agent-1" {
			t.Errorf("answer %v: %d rows are stored, the first %+v", answer, len(stored), stored[0])
		}
		if v := s.Violations(); len(v) > 0 || len(s.Requests()) != 1 {
			t.Errorf("answer %v: %d requests, %v", answer, len(s.Requests()), v)
		}
	}
	if err := send(t, client(t, answers(http.StatusAccepted, "queued"))); err != nil {
		t.Error(err)
	}
}

func TestTheBaseURLMayHaveASlashAndAPath(t *testing.T) {
	for _, base := range []string{"", "/", "/api/v2", "/behind/a/proxy/api/v2//"} {
		s := new(plectotest.Server)
		source := s.AddDataSource("Conversations")
		cfg := config(t, http.StripPrefix(strings.TrimRight(base, "/"), s))
		cfg.URL += base
		c := plecto.New(cfg)
		if err := c.Register(t.Context(), []plecto.Registration{registration(source, "1")}); err != nil {
			t.Errorf("under %q: %v", base, err)
		}
		if _, err := c.DataSource(t.Context(), source); err != nil {
			t.Errorf("under %q: %v", base, err)
		}
	}
}
