package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// warned keeps the warnings from now on.
func (r *rig) warned() *lines {
	text := new(lines)
	r.Log = slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return text
}

// lines may be read while they are written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// hire makes agents known, each as an id, a name and e-mails with commas between.
func (r *rig) hire(agents ...[3]string) {
	r.Helper()
	for _, a := range agents {
		one := store.Agent{ID: a[0], Name: a[1]}
		if a[2] != "" {
			one.Emails = strings.Split(a[2], ",")
		}
		r.must(r.Store.SaveAgents(r.Context(), []store.Agent{one}, true))
	}
}

// byAgent is a message that an agent wrote n hours after start.
func byAgent(n int, email string) string {
	return message(n, fmt.Sprintf(`,"direction":"outbound","author_email":%q`, email))
}

// order is what Plecto was asked for with POST, one after the other: members by M, registrations by R and their number.
func (r *rig) order() string {
	var all []string
	for _, req := range r.plecto.Requests() {
		switch {
		case req.Method == "POST" && req.Endpoint == "members":
			all = append(all, "M")
		case req.Method == "POST":
			all = append(all, fmt.Sprintf("R%d", req.Rows))
		}
	}
	return strings.Join(all, " ")
}

// login goes on with another login of Plecto.
func (r *rig) login(email string) {
	r.Plecto = plecto.New(plecto.Config{Email: email, Password: "secret", URL: "http://plecto.example.com", HTTP: r.http})
}

var (
	ida   = [3]string{"a1", "Ida Holm", "ida@example.dk"}
	emil  = [3]string{"a2", "Emil Vang", "emil@example.dk,emil.vang@example.dk"}
	nora  = [3]string{"a3", "Nora Falk", "nora@example.dk"}
	ghost = [3]string{"a4", "Gry Ash", ""}
)

func TestPlectoIsToldOfEachAgentOnceAndBeforeTheFirstRegistration(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida, emil, nora)
		r.link("messages")
		r.link("messages")
		all := messages(0, 110)
		all[3], all[4], all[105] = byAgent(3, "Ida@Example.DK"), byAgent(4, "ida@example.dk"), byAgent(105, " EMIL.vang@example.dk ")
		r.cache(all...)
		r.equal("members", r.pushed().Members, 2)
		r.equal("the order", r.order(), "M R100 M R10 R100 R10")
		members := r.plecto.Members()
		r.equal("the members", []string{members[0].Name, members[0].Email, members[2].Name, members[2].Email}, []string{"Ida Holm", "ida@example.dk", "Emil Vang", "emil@example.dk"})
		r.equal("their number, the stand-in included", len(members), 3)
		for _, reg := range r.plecto.Registrations(r.plecto.DataSources()[0].UUID) {
			if reg.ExternalID == "m0003" && reg.MemberID != "a1" || reg.ExternalID == "m0105" && reg.MemberID != "a2" {
				r.Errorf("%s is of %s", reg.ExternalID, reg.MemberID)
			}
		}
		r.cache(byAgent(110, "ida@example.dk"), byAgent(111, "nora@example.dk"))
		r.equal("members of the next push", r.pushed().Members, 1)

		// Another account knows nobody.
		r.login("other@example.com")
		r.cache(byAgent(112, "ida@example.dk"))
		r.equal("members under another login", r.pushed().Members, 1)
	})
}

func TestAnAgentIsToldOfAgainOnlyWhereItIsNotKnownToBe(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Patience = 0
		r.hire(ida)
		r.link("messages")
		r.cache(byAgent(0, "ida@example.dk"))
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Count: -1, Status: 500})
		if _, err := r.Push(r.Context(), PushOptions{}); !Temporary(err) {
			r.Fatalf("the error is %v", err)
		}
		lift()
		r.equal("the push afterwards", r.pushed().Members, 0)
		r.equal("the order", r.order(), "M R1 R1")

		// Stopped in the request itself, it is told once more, which changes nothing.
		r.hire(emil)
		r.cache(byAgent(1, "emil@example.dk"))
		r.plecto.Fault(plectotest.Fault{Endpoint: "members", AfterStoring: true, Stall: true})
		ctx, stop := context.WithCancelCause(r.Context())
		go func() {
			r.comes(r.plecto.Reached("members", 2))
			stop(errors.New("stopped"))
		}()
		if _, err := r.Push(ctx, PushOptions{}); err == nil {
			r.Error("it was not stopped")
		}
		r.equal("the push afterwards", r.pushed().Members, 1)
		r.equal("the order", r.order(), "M R1 R1 M M R1")
		r.equal("members", len(r.plecto.Members()), 2)
	})
}

func TestARefusedMemberIsAWarningAndTheRowsGoOut(t *testing.T) {
	t.Parallel()
	const tells = `level=WARN msg="Plecto`
	for _, row := range []struct {
		name     string
		fault    plectotest.Fault
		tries    int // of three members
		told     int
		warnings int
	}{
		{"one is refused", plectotest.Fault{Status: 400}, 3, 2, 1},
		{"each is refused", plectotest.Fault{Status: 400, Count: -1}, 3, 0, 3},
		{"the login may not", plectotest.Fault{Status: 403, Count: -1}, 1, 0, 1},
		{"there is no such list", plectotest.Fault{Status: 404, Count: -1}, 1, 0, 1},
		{"the list takes nothing", plectotest.Fault{Status: 405, Count: -1}, 1, 0, 1},
		{"members are not known", plectotest.Fault{Status: 501, Count: -1}, 1, 0, 1},
		{"trouble that passes", plectotest.Fault{Status: 503, Count: 2}, 5, 3, 0},
		{"a limit that passes", plectotest.Fault{Status: 429}, 4, 3, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.hire(ida, emil, nora)
				src := r.link("messages")
				all := messages(0, 111) // two batches
				all[0], all[1], all[110] = byAgent(0, "ida@example.dk"), byAgent(1, "emil@example.dk"), byAgent(110, "nora@example.dk")
				r.cache(all...)
				row.fault.Endpoint = "members"
				r.plecto.Fault(row.fault)
				log := r.warned()
				pushed := r.pushed()
				r.equal("told of", pushed.Members, row.told)
				r.equal("tries", r.made("POST", "members"), row.tries)
				r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 111)
				r.equal("warnings", strings.Count(log.String(), tells), row.warnings)
			})
		})
	}
}

func TestTroubleWithMembersThatLastsIsTemporary(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida)
		r.link("messages")
		r.cache(byAgent(0, "ida@example.dk"))
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "members", Count: -1, Status: 503})
		began := time.Now()
		if _, err := r.Push(r.Context(), PushOptions{}); !Temporary(err) || time.Since(began) > r.Patience+time.Minute {
			r.Errorf("after %v: %v", time.Since(began), err)
		}
		r.equal("registrations are not sent before", len(r.posts()), 0)
		lift()
		r.equal("sent when it is over", r.pushed().Sent, 1)
	})
}

func TestAgentsWhoShareAnEmailAreNamedAndNotToldOf(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida, [3]string{"b1", "Bo Lund", "team@example.dk"}, [3]string{"b2", "Kim Dahl", "kim@example.dk,team@example.dk"}, [3]string{"b3", "Mia Storm", "team@example.dk"}, ghost)
		src := r.link("conversations")
		for n, assignee := range []string{"b1", "b2", "b3", "a4", "a1"} {
			r.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%[2]d,"status":"open","assignee_id":%[3]q,"assignee_name":"As exported"}`, n+1, hour(n).UnixMilli(), assignee))
		}
		r.imported(Range{From: start, To: start.Add(day), Kinds: Kinds()[:2]})
		log := r.warned()
		pushed := r.pushed()
		r.equal("the push", []int{pushed.Sent, pushed.Members}, []int{5, 1})
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 5)
		r.equal("warnings", strings.Count(log.String(), "level=WARN"), 1)
		for _, name := range []string{"Bo Lund", "Kim Dahl", "Mia Storm"} {
			if !strings.Contains(log.String(), name) {
				r.Errorf("%s is not named in %s", name, log)
			}
		}
		for _, m := range r.plecto.Members() {
			if m.Email != "" && m.Email != "ida@example.dk" {
				r.Errorf("%s has the e-mail %s", m.Name, m.Email)
			}
		}
	})
}

func TestPlectoIsToldOfNobodyWhereThatIsAskedFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida)
		r.link("messages")
		r.cache(byAgent(0, "ida@example.dk"))
		_, err := r.Push(r.Context(), PushOptions{NoMembers: true})
		r.must(err)
		r.equal("the order", r.order(), "R1")
		r.equal("the e-mail", r.plecto.Members()[0].Email, "")
	})
}

func TestPlectoPutsTheRowsUnderWhomItHasByEmail(t *testing.T) {
	bubble(t, func(r *rig) {
		known := plecto.NewMember{Provider: "Phones", ID: "17", Name: "Ida H.", Email: "IDA@example.dk"}
		r.must(r.Plecto.AddMember(r.Context(), known))
		r.hire(ida)
		src := r.link("messages")
		r.cache(byAgent(0, "ida@example.dk"))
		r.pushed()
		r.equal("members", len(r.plecto.Members()), 1)
		r.equal("the row's", r.plecto.Registrations(src.UUID)[0].Member, r.plecto.Members()[0].UUID)
	})
}
