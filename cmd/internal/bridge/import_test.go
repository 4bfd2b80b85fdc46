package bridge

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// month is the range that most imports of these tests are asked for: thirty days, one window.
var month = Range{From: start, To: start.Add(30 * day), Kinds: []string{"messages"}}

// imported makes an import that is to succeed.
func (r *rig) imported(asked Range) []Imported {
	r.Helper()
	all, err := r.Import(r.Context(), asked)
	r.must(err)
	return all
}

// counts is what an import counted of a kind.
func counts(i Imported) string {
	return fmt.Sprintf("%d windows, %d requests, %d records, %d changed, %d aside", i.Windows, i.Requests, i.Records, i.Changed, i.Aside)
}

func TestAnImportAsksForItsKindsSideBySideAndForTheWindowsOfAKindInTurn(t *testing.T) {
	bubble(t, func(r *rig) {
		r.dixa.Behaviour.SlowFirstByte = 10 * time.Second
		began := time.Now()
		all := r.imported(Range{From: start, To: start.Add(75 * day)})
		for i, kind := range Kinds()[:2] {
			r.equal("what was imported of "+kind, counts(all[i]), "3 windows, 3 requests, 0 records, 0 changed, 0 aside")
		}
		r.equal("it took", time.Since(began), 30*time.Second)
		for _, endpoint := range []string{dixatest.ConversationExport, dixatest.MessageExport} {
			for i, req := range r.exports(endpoint) {
				// A millisecond wider than the window at each end.
				from, to := start.Add(time.Duration(i)*30*day), start.Add(min(time.Duration(i+1)*30*day, 75*day))
				r.equal("query", req.Query, fmt.Sprintf("created_after=%d&created_before=%d", from.UnixMilli()-1, to.UnixMilli()+1))
				r.equal("asked for after", req.Time.Sub(began), time.Duration(i)*10*time.Second)
			}
		}
	})
}

func TestTheCacheIsTheSameHoweverDixaAnswers(t *testing.T) {
	t.Parallel()
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.Add(40 * day), ConversationsPerDay: 3})
	asked := Range{From: start, To: start.Add(40 * day), Kinds: Kinds()}
	// taken is what the cache holds of the world, and Plecto after it.
	taken := func(t *testing.T, change func(*dixatest.Behaviour)) map[string]string {
		all := make(map[string]string)
		bubble(t, func(r *rig) {
			r.dixa.World = world
			change(&r.dixa.Behaviour)
			imported := r.imported(asked)
			for i, kind := range Kinds() {
				src := r.link(kind)
				records := r.records(kind)
				r.equal("distinct records counted of "+kind, []int{imported[i].Records, imported[i].Changed}, []int{len(records), len(records)})
				for id, rec := range records {
					all[kind+" "+id] = fmt.Sprint(rec.CSID, rec.CreatedAt, rec.UpdatedAt)
				}
				pushed, err := r.Push(r.Context(), PushOptions{Source: kind})
				r.must(err)
				r.equal("sent of "+kind, pushed[0].Sent, len(records))
				for _, reg := range r.plecto.Registrations(src.UUID) {
					all["registration "+reg.ExternalID] = fmt.Sprint(reg.Date, reg.MemberID, reg.MemberName, reg.Fields)
				}
			}
		})
		return all
	}
	want := taken(t, func(*dixatest.Behaviour) {})
	if len(want) < 500 {
		t.Fatalf("only %d records and registrations", len(want))
	}
	for name, change := range some(map[string]func(*dixatest.Behaviour){
		"exclusive after":    func(b *dixatest.Behaviour) { b.ExclusiveAfter = true },
		"exclusive before":   func(b *dixatest.Behaviour) { b.ExclusiveBefore = true },
		"both exclusive":     func(b *dixatest.Behaviour) { b.ExclusiveAfter, b.ExclusiveBefore = true, true },
		"shuffled":           func(b *dixatest.Behaviour) { b.Shuffle = 7 },
		"repeated":           func(b *dixatest.Behaviour) { b.RepeatEvery = 3 },
		"absent for null":    func(b *dixatest.Behaviour) { b.OmitNulls = true },
		"more members":       func(b *dixatest.Behaviour) { b.ExtraFields = true },
		"old ratings":        func(b *dixatest.Behaviour) { b.OldRatings = true },
		"compressed":         func(b *dixatest.Behaviour) { b.Gzip = true },
		"small pages":        func(b *dixatest.Behaviour) { b.AgentsPerPage, b.LastPage = 2, dixatest.NextNull },
		"pages without meta": func(b *dixatest.Behaviour) { b.AgentsPerPage, b.LastPage = 3, dixatest.MetaAbsent },
		"limited":            func(b *dixatest.Behaviour) { b.MessageExportsPerMinute, b.RetryAfter = 1, dixatest.RetryAfterSeconds },
		"all at once": func(b *dixatest.Behaviour) {
			*b = dixatest.Behaviour{ExclusiveAfter: true, OmitNulls: true, ExtraFields: true, OldRatings: true, Shuffle: 3, RepeatEvery: 2, Gzip: true,
				ConversationExportsPerMinute: 1, MessageExportsPerMinute: 1, APIRequestsPerSecond: 1, RetryAfter: dixatest.RetryAfterDate}
		},
	}) {
		t.Run(name, func(t *testing.T) {
			got := taken(t, change)
			for key, w := range want {
				if got[key] != w {
					t.Fatalf("%s: got %q, want %q", key, got[key], w)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d in all, want %d", len(got), len(want))
			}
		})
	}
}

func TestWhenPatienceIsOverAnImportCanGoOnLater(t *testing.T) {
	bubble(t, func(r *rig) {
		asked := Range{From: start, To: start.Add(90 * day), Kinds: []string{"messages"}}
		r.put("messages", message(10, ""), message(40*24, ""), message(70*24, ""))
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 2, Count: -1, Do: dixatest.Answer, Status: 500})
		began := time.Now()
		all, err := r.Import(r.Context(), asked)
		if took := time.Since(began); !Temporary(err) || took > r.Patience {
			r.Errorf("after %v: %v", took, err)
		}
		r.equal("windows and records before", []int{all[0].Windows, all[0].Records}, []int{1, 1})

		r.dixa.Heal()
		before := len(r.exports(dixatest.MessageExport))
		all = r.imported(asked)
		r.equal("what was left", counts(all[0]), "2 windows, 2 requests, 2 records, 2 changed, 0 aside")
		r.equal("it goes on", all[0].Resumed, true)
		first := r.exports(dixatest.MessageExport)[before]
		r.equal("where it goes on", first.Query, fmt.Sprintf("created_after=%d&created_before=%d", start.Add(30*day).UnixMilli()-1, start.Add(60*day).UnixMilli()+1))

		r.equal("a finished import is made again", counts(r.imported(asked)[0]), "3 windows, 3 requests, 3 records, 0 changed, 0 aside")
	})
}

func TestAnImportUpToNowGoesOnToTheNewNow(t *testing.T) {
	bubble(t, func(r *rig) {
		upToNow := func() Range { return Range{From: start, To: time.Now(), Open: true, Kinds: []string{"messages"}} }
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 4, Count: -1, Do: dixatest.Answer, Status: 500})
		if _, err := r.Import(r.Context(), upToNow()); !Temporary(err) {
			r.Fatalf("the error is %v", err)
		}
		time.Sleep(45 * day)
		r.put("messages", message(110*24, ""), message(140*24, ""))
		r.dixa.Heal()
		all := r.imported(upToNow())
		r.equal("what was left", counts(all[0]), "2 windows, 2 requests, 2 records, 2 changed, 0 aside")
		covered, err := r.Store.Coverage(r.Context(), "messages")
		r.must(err)
		if len(covered) != 1 || covered[0].From != start || time.Since(covered[0].To) > time.Minute {
			r.Errorf("the coverage is %v", covered)
		}
	})
}

func TestRestartBeginsAnImportAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		asked := Range{From: start, To: start.Add(60 * day), Kinds: []string{"messages"}}
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 2, Count: -1, Do: dixatest.Answer, Status: 500})
		if _, err := r.Import(r.Context(), asked); !Temporary(err) {
			r.Fatalf("the error is %v", err)
		}
		r.dixa.Heal()
		asked.Restart = true
		r.equal("the import", counts(r.imported(asked)[0]), "2 windows, 2 requests, 0 records, 0 changed, 0 aside")
	})
}

func TestTroubleWithOneKindDoesNotStopTheOther(t *testing.T) {
	bubble(t, func(r *rig) {
		r.fill()
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ConversationExport, Count: -1, Do: dixatest.Answer, Status: 400})
		all, err := r.Import(r.Context(), Range{From: month.From, To: month.To})
		if err == nil || Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("conversations", counts(all[0]), "0 windows, 1 requests, 0 records, 0 changed, 0 aside")
		r.equal("messages", counts(all[1]), "1 windows, 1 requests, 60 records, 60 changed, 0 aside")
	})
}

func TestWithoutAgentsAnImportGoesOn(t *testing.T) {
	for name, fault := range map[string]dixatest.Fault{
		"unavailable":    {Do: dixatest.Answer, Status: 500},
		"not allowed":    {Do: dixatest.Answer, Status: 403},
		"a page":         dixatest.Page(),
		"no answer":      {Do: dixatest.Stall, Bytes: -1},
		"always limited": {Do: dixatest.Answer, Status: 429, Header: http.Header{"Retry-After": {"3600"}}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.fill()
				fault.Endpoint, fault.Count = dixatest.Agents, -1
				r.dixa.Fault(fault)
				began := time.Now()
				r.equal("records", r.imported(month)[0].Records, 60)
				if took := time.Since(began); took > time.Minute {
					r.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestRefusedCredentialsEndAnImportAtOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.dixa.Token = "another-token"
		if _, err := r.Import(r.Context(), month); !Unauthorized(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("requests", len(r.exports(dixatest.MessageExport)), 1)
	})
}

func TestTheMessagesOfPeopleWhoHaveLeftAreTheirs(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.put("agents", `{"id":"a1","created_at":0,"displayName":"Ida Holm","email":"Ida@example.com"}`)
		r.put("conversations", fmt.Sprintf(`{"id":1,"created_at":%d,"assignee_id":"a2","assignee_name":"Bo Lund","assignee_email":"bo@example.com"}`, hour(1).UnixMilli()))
		r.put("messages", message(1, `,"direction":"outbound","author_email":"BO@example.com"`), message(2, `,"direction":"outbound","author_email":"ida@example.com"`))
		r.imported(Range{From: start, To: start.Add(day), Kinds: Kinds()})
		_, err := r.Push(r.Context(), PushOptions{})
		r.must(err)
		all := r.plecto.Registrations(src.UUID)
		r.equal("members", []string{all[0].MemberName, all[1].MemberName}, []string{"Bo Lund", "Ida Holm"})
	})
}
