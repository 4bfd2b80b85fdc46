package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A planter makes texts that are nowhere else, to be looked for later.
type planter struct {
	*rig
	name    string // of what it plants
	planted []string
}

func (p *planter) plant(where string) string {
	text := fmt.Sprintf("kanarie%s%04d%s", p.name, len(p.planted), strings.ReplaceAll(where, "_", ""))
	p.planted = append(p.planted, text)
	return text
}

// found returns those of the planted texts that are in the folder of the cache, and those that are in Plecto.
func (p *planter) found() (here, there []string) {
	p.Helper()
	var files []byte
	p.must(filepath.WalkDir(filepath.Dir(p.file), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		files = append(files, body...)
		return err
	}))
	var rows strings.Builder
	for _, src := range p.plecto.DataSources() {
		fmt.Fprintln(&rows, p.plecto.Registrations(src.UUID))
	}
	return p.within(files), p.within([]byte(rows.String()))
}

// within returns those of the planted texts that are in a body, in whatever case.
func (p *planter) within(body []byte) (found []string) {
	seen := map[int]bool{}
	for _, m := range regexp.MustCompile(`(?i)kanarie`+p.name+`([0-9]{4})`).FindAllSubmatch(body, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil && n < len(p.planted) && !seen[n] {
			seen[n], found = true, append(found, p.planted[n])
		}
	}
	return found
}

// nowhere makes sure that nothing planted is left.
func (p *planter) nowhere(when string) {
	p.Helper()
	here, there := p.found()
	if len(here)+len(there) > 0 {
		p.Errorf("%s: in the cache's folder there still are %v, in Plecto %v", when, here, there)
	}
}

// everywhere makes sure that all that was planted is there to be found.
func (p *planter) everywhere() {
	p.Helper()
	here, there := p.found()
	if len(here) != len(p.planted) || len(there) == 0 {
		p.Errorf("only %d of %d texts are in the cache's folder, and %d in Plecto", len(here), len(p.planted), len(there))
	}
}

// planting runs a test with sources of every field there is, and of one custom attribute.
func planting(t *testing.T, test func(*planter)) {
	t.Helper()
	bubble(t, func(r *rig) {
		for _, kind := range Kinds() {
			keys := keysOf(Fields(kind))
			if kind == "conversations" {
				keys = append(keys, customPrefix+"order")
			}
			_, err := r.Add(r.Context(), AddOptions{Kind: kind, Choice: store.Choice{Keys: keys}})
			r.must(err)
		}
		test(&planter{rig: r})
	})
}

// personalOf are the members of a record that may tell of a customer.
func personalOf(kind string) (keys []string) {
	for _, f := range Fields(kind) {
		if f.Personal && f.Key != "form_submission" && f.Key != "attached_files" {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// conversation puts conversation n into Dixa, full of planted texts; more replaces members.
func (p *planter) conversation(n int, updated time.Time, more map[string]any) {
	p.Helper()
	c := map[string]any{
		"id": n, "created_at": hour(n).UnixMilli(), "updated_at": updated.UnixMilli(), "status": "open", "initial_channel": "email",
		"direction": "inbound", "queue_name": "Returns", "tags": []string{"refund"}, "a_member_of_tomorrow": p.plant("tomorrow"),
		"custom_fields": []any{map[string]any{"identifier": "order", "value": p.plant("order")}},
		"ratings":       []any{map[string]any{"rating_score": 4, "rating_type": "CSAT", "rating_status": "rated", "rating_message": p.plant("rating")}},
		"tags_info":     []any{map[string]any{"id": "t1", "name": "refund", "description": p.plant("tag")}},
	}
	for _, key := range personalOf("conversations") {
		switch {
		case more[key] != nil:
		case key == "assignee_email" || key == "assignee_phone_number": // the agent's
		case strings.Contains(key, "additional"), key == "conversation_wrapup_notes":
			c[key] = []string{p.plant(key), p.plant(key)}
		default:
			c[key] = p.plant(key)
		}
	}
	for key, v := range more {
		c[key] = v
	}
	p.putAny("conversations", c)
}

// message puts message m of conversation n into Dixa, full of planted texts.
func (p *planter) message(n, m int, more map[string]any) {
	p.Helper()
	c := map[string]any{
		"id": messageID(n, m), "csid": n, "created_at": hour(n).Add(time.Duration(m) * time.Minute).UnixMilli(),
		"direction": "inbound", "initial_channel": "email",
		"attached_files":  []any{map[string]any{"url": p.plant("url"), "pretty_name": p.plant("file")}},
		"form_submission": map[string]any{"answer": p.plant("form")},
	}
	for _, key := range personalOf("messages") {
		if more[key] == nil {
			c[key] = p.plant(key)
		}
	}
	for key, v := range more {
		c[key] = v
	}
	p.putAny("messages", c)
}

// activity puts activity m of conversation n into Dixa, full of planted texts.
func (p *planter) activity(n, m int) {
	p.Helper()
	p.putAny("activities", map[string]any{
		"id": fmt.Sprintf("log%03d-%d", n, m), "conversationId": n, "activityTimestamp": hour(n).Add(time.Duration(m) * time.Minute).Format(time.RFC3339),
		"_type": "NoteAdded", "author": map[string]any{"id": p.plant("id"), "name": p.plant("name"), "email": p.plant("email"), "phoneNumber": p.plant("phone")},
		"attributes": map[string]any{"_type": "NoteAdded", "note": p.plant("note")},
	})
}

func messageID(n, m int) string { return fmt.Sprintf("p%03d-%d", n, m) }

func (p *planter) putAny(kind string, record map[string]any) {
	p.Helper()
	body, err := json.Marshal(record)
	p.must(err)
	p.put(kind, string(body))
}

// fetched imports a range whole, and pushes it.
func (p *planter) fetched(from, to time.Time) {
	p.Helper()
	_, err := p.Import(p.Context(), Range{From: from, To: to})
	p.must(err)
	_, err = p.Push(p.Context(), PushOptions{})
	p.must(err)
}

// erase erases and returns what Erase counted, in words.
func (p *planter) erase(e Erasure) string {
	p.Helper()
	done, err := p.Erase(p.Context(), e)
	p.must(err)
	return counted(done)
}

func counted(done Removed) string {
	text := fmt.Sprintf("%d: %d conversations, %d messages, %d activities, %d aside", len(done.CSIDs), done.Records["conversations"], done.Records["messages"], done.Records["activities"], done.Aside)
	for _, s := range done.Sources {
		text += fmt.Sprintf("; %s: %d sent, %d unchanged, %d rejected in %d", s.Source.Name, s.Sent, s.Unchanged, s.Rejected, s.Requests)
	}
	return text
}

func TestErasedContentIsNowhereAnyMore(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.plecto.Refuse = func(row map[string]any) string {
			if text, _ := row["Text"].(string); strings.HasPrefix(text, "refuse") {
				return "text: " + text + " is not allowed"
			}
			return ""
		}
		// Many others, so that pages split and merge.
		p.dixa.World = dixatest.NewWorld(dixatest.Team{Seed: 5, From: start, To: start.AddDate(0, 0, 15), ConversationsPerDay: fewer(10)})
		whole := func() { p.fetched(start, start.AddDate(0, 0, 16)) }
		for version := range 3 {
			for n := 1; n <= 3; n++ {
				p.conversation(n, hour(500+version), nil)
				for m := range 4 {
					p.message(n, m, nil)
					p.activity(n, m)
				}
			}
			whole()
		}
		// One that Plecto accepted is refused now, with words that quote it; one that could not be read is set aside.
		p.message(2, 1, map[string]any{"text": "refuse " + p.plant("refused")})
		aside := fmt.Sprintf(`{"id":"broken","created_at":"soon","csid":3,"text":"%s"}`, p.plant("aside"))
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(p.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert, Body: aside})
		if _, err := p.Import(p.Context(), Range{From: start, To: start.AddDate(0, 0, 16)}); !errors.Is(err, ErrAside) {
			p.Errorf("the import: %v", err)
		}
		if _, err := p.Push(p.Context(), PushOptions{}); !errors.Is(err, ErrRejected) {
			p.Errorf("the push: %v", err)
		}
		p.everywhere()

		found, err := p.FindErased(p.Context(), Erasure{CSIDs: []int64{3, 1, 2, 2}})
		p.must(err)
		p.equal("what it is about", counted(found), "3: 3 conversations, 12 messages, 12 activities, 0 aside")
		p.everywhere()
		p.equal("erased", p.erase(Erasure{CSIDs: []int64{3, 1, 2, 2}}),
			"3: 3 conversations, 12 messages, 12 activities, 1 aside; conversations: 3 sent, 0 unchanged, 0 rejected in 1; "+
				"messages: 12 sent, 0 unchanged, 0 rejected in 1; activities: 12 sent, 0 unchanged, 0 rejected in 1")
		p.nowhere("after the erasure")
		p.equal("erased again", p.erase(Erasure{CSIDs: []int64{1, 2, 3}}),
			"3: 3 conversations, 12 messages, 12 activities, 0 aside; conversations: 0 sent, 3 unchanged, 0 rejected in 0; "+
				"messages: 0 sent, 12 unchanged, 0 rejected in 0; activities: 0 sent, 12 unchanged, 0 rejected in 0")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})

		// What is fetched again, or set aside, comes without; what counts stays current.
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(p.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert, Body: aside})
		p.conversation(2, hour(900), map[string]any{"status": "closed", "closed_at": hour(20).UnixMilli(), "tags": []string{"refund", "late"}})
		p.message(2, 9, map[string]any{"direction": "outbound", "author_name": "Ida Holm", "author_email": "ida@example.com"})
		if _, err := p.Import(p.Context(), Range{From: start, To: start.AddDate(0, 0, 16)}); !errors.Is(err, ErrAside) {
			p.Errorf("the import: %v", err)
		}
		pushed, err := p.Push(p.Context(), PushOptions{})
		p.must(err)
		p.nowhere("after it was fetched again")
		for _, reg := range p.plecto.Registrations(pushed[0].Source.UUID) {
			if reg.ExternalID == "2" {
				p.equal("what counts", []any{reg.Fields["Status"], reg.Fields["Tags"], fmt.Sprint(reg.Fields["CSAT score"]), fmt.Sprint(reg.Fields["Messages out"])},
					[]any{"closed", "refund, late", "4", "1"})
			}
		}
		p.equal("differences, then", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestACustomerIsErasedInWhateverCaseAndForGood(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		const email = "Kirsten.Toft@Example.dk"
		p.conversation(100, hour(100), map[string]any{"requester_email": "kirsten.toft@example.dk"})
		p.message(100, 1, nil)
		p.conversation(101, hour(101), map[string]any{"requester_additional_emails": []string{"other@example.com", " KIRSTEN.TOFT@example.dk"}})
		p.message(101, 1, nil)
		p.message(102, 1, map[string]any{"author_email": "kirsten.toft@EXAMPLE.dk"}) // of a conversation that is not there
		p.message(102, 2, nil)
		p.activity(101, 1)
		p.putAny("activities", map[string]any{"id": "log104", "conversationId": 104, "activityTimestamp": hour(104).Format(time.RFC3339), "_type": "FormSubmitted",
			"author": map[string]any{"id": p.plant("id"), "email": "Kirsten.Toft@example.dk"}, "attributes": map[string]any{"answer": p.plant("answer")}})
		hers := len(p.planted)
		p.fetched(hour(90), hour(110))
		p.everywhere()
		others := &planter{rig: p.rig, name: "other"}
		others.conversation(103, hour(103), nil)
		others.message(103, 1, map[string]any{"direction": "outbound", "to": email})
		p.fetched(hour(90), hour(110))
		p.equal("erased", p.erase(Erasure{Requester: "  " + email}),
			"4: 2 conversations, 4 messages, 2 activities, 0 aside; conversations: 2 sent, 0 unchanged, 0 rejected in 1; "+
				"messages: 4 sent, 0 unchanged, 0 rejected in 1; activities: 2 sent, 0 unchanged, 0 rejected in 1")
		p.nowhere("after the erasure")
		others.everywhere()
		p.fetched(hour(90), hour(110))
		p.nowhere("after the same range")

		// Older ranges, and those that have been there and come later.
		p.conversation(20, hour(20), map[string]any{"requester_email": "KIRSTEN.toft@example.dk"})
		p.message(20, 1, nil)
		p.conversation(21, hour(21), map[string]any{"requester_additional_emails": []string{"Kirsten.Toft@example.dk"}})
		p.message(21, 1, nil)
		p.conversation(102, hour(102), map[string]any{"requester_email": email})
		p.fetched(start, hour(110))
		p.nowhere("after an older range")
		if len(p.planted) <= hers {
			p.Error("nothing was planted for the older range")
		}
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
		// Of what she writes from then on nothing was asked to be erased.
		again := &planter{rig: p.rig, name: "again"}
		n := int(time.Since(start)/time.Hour) + 5
		time.Sleep(10 * time.Hour)
		again.conversation(n, hour(n), map[string]any{"requester_email": email})
		again.message(n, 1, nil)
		p.fetched(hour(n-10), hour(n+10))
		again.everywhere()
	})
}

func TestAConversationThatComesLaterComesWithoutContent(t *testing.T) {
	planting(t, func(p *planter) {
		p.equal("erased", p.erase(Erasure{CSIDs: []int64{50, 51}}),
			"2: 0 conversations, 0 messages, 0 activities, 0 aside; conversations: 0 sent, 0 unchanged, 0 rejected in 0; "+
				"messages: 0 sent, 0 unchanged, 0 rejected in 0; activities: 0 sent, 0 unchanged, 0 rejected in 0")
		p.conversation(50, hour(50), nil)
		p.message(50, 1, nil)
		p.message(51, 1, nil)
		p.fetched(start, hour(100))
		p.nowhere("after it has come")
		p.equal("in the cache", []int{len(p.records("conversations")), len(p.records("messages"))}, []int{1, 2})
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestAnErasureThatWasCutOffIsFinishedByTheSameCall(t *testing.T) {
	t.Parallel()
	const email = "kirsten.toft@example.dk"
	erasures := map[string]Erasure{"conversations": {}, "a customer": {Requester: email}}
	for n := 1; n <= 130; n++ {
		e := erasures["conversations"]
		e.CSIDs = append(e.CSIDs, int64(n))
		erasures["conversations"] = e
	}
	for name, e := range erasures {
		for _, request := range []int{1, 2, 3}[:fewer(3)] {
			t.Run(fmt.Sprintf("%s, at request %d", name, request), func(t *testing.T) {
				planting(t, func(p *planter) {
					for n := 1; n <= 130; n++ {
						p.conversation(n, hour(n), map[string]any{"requester_email": email})
						p.message(n, 1, nil)
					}
					p.fetched(start, hour(200))
					lift := p.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(p.posts()) + request, Count: -1, Status: 503})
					done, err := p.Erase(p.Context(), e)
					if !Temporary(err) {
						p.Errorf("the error is %v", err)
					}
					p.equal("conversations", len(done.CSIDs), 130)
					if here, there := p.found(); len(here) > 0 || len(there) == 0 {
						p.Errorf("while Plecto is down there are %d texts in the cache's folder, and %d in Plecto", len(here), len(there))
					}
					lift()
					before := len(p.posts())
					done, err = p.Erase(p.Context(), e)
					p.must(err)
					p.nowhere("when it is done")
					sent, left := done.Sources[0].Sent+done.Sources[1].Sent, 260-100*min(request-1, 1)-30*max(request-2, 0)
					p.equal("sent by the second call", []int{sent, len(p.posts()) - before}, []int{left, 4 - (request - 1)})
					p.equal("of", []int{len(done.CSIDs), done.Records["conversations"], done.Records["messages"]}, []int{130, 130, 130})
				})
			})
		}
	}
}

func TestAnErasureThatWasKilledIsFinishedByTheSameCallOrTheNextSync(t *testing.T) {
	t.Parallel()
	const email = "kirsten.toft@example.dk"
	for _, e := range []Erasure{{CSIDs: []int64{1, 2}}, {Requester: email}} {
		for name, killed := range map[string]func(*planter){
			"after it was remembered": func(p *planter) {},
			"in the middle of the scrubbing": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1}, scrub)
				p.must(err)
			},
			"before the file was wiped": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1, 2}, scrub)
				p.must(err)
			},
			"before Plecto was asked": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1, 2}, scrub)
				p.must(err)
				p.must(p.Store.Wipe(p.Context()))
			},
		} {
			for _, next := range []string{"erase", "sync"} {
				t.Run(fmt.Sprintf("%v, %s, then %s", e, name, next), func(t *testing.T) {
					planting(t, func(p *planter) {
						for n := 1; n <= 2; n++ {
							p.conversation(n, hour(n), map[string]any{"requester_email": email})
							p.message(n, 1, nil)
						}
						p.fetched(start, hour(200))
						_, err := p.remember(p.Context(), e)
						p.must(err)
						killed(p)
						if next == "erase" {
							p.erase(e)
						} else {
							_, _, err := p.Sync(p.Context(), PushOptions{})
							p.must(err)
						}
						p.nowhere("when it is done")
					})
				})
			}
		}
	}
}

func TestAnErasureSendsToPlectoWhatTheNextPushWouldHave(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		messages := p.plecto.DataSources()[1].UUID
		p.message(1, 2, nil) // never sent
		_, err := p.Import(p.Context(), Range{From: start, To: hour(10)})
		p.must(err)
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("after the erasure")
		p.equal("messages in Plecto", len(p.plecto.Registrations(messages)), 2)
	})
}

func TestAnErasureOverwritesWhatARepairHasMadePending(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		messages := p.plecto.DataSources()[1].UUID
		p.plecto.Edit(messages, messageID(1, 1), map[string]any{"Direction": "sideways"})
		p.equal("repaired", p.verify(VerifyOptions{Repair: true}).Repaired, 1)
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("after the erasure")
	})
}

func TestAnErasureThatPlectoRefusesIsNotDone(t *testing.T) {
	planting(t, func(p *planter) {
		for n := 1; n <= 3; n++ {
			p.conversation(n, hour(n), nil)
		}
		p.fetched(start, hour(10))
		p.plecto.Refuse = func(row map[string]any) string {
			if row["external_id"] == "2" {
				return "it is locked"
			}
			return ""
		}
		for range 2 {
			done, err := p.Erase(p.Context(), Erasure{CSIDs: []int64{1, 2, 3}})
			if !errors.Is(err, ErrRejected) {
				p.Errorf("the error is %v", err)
			}
			p.equal("rejected", done.Sources[0].Rejected, 1)
		}
		p.plecto.Refuse = nil
		p.erase(Erasure{CSIDs: []int64{1, 2, 3}})
		p.nowhere("once it is accepted")
	})
}

// anonymized is conversation n as Dixa has it after it has removed the content.
func anonymized(n int, at time.Time) map[string]any {
	return map[string]any{
		"id": n, "created_at": hour(n).UnixMilli(), "updated_at": at.UnixMilli(), "anonymized_at": at.UnixMilli(), "status": "closed",
		"initial_channel": "email", "requester_name": "Anonymized", "requester_email": nil,
	}
}

func TestWhatDixaAnonymizesIsErasedInOneCycle(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		now := int(time.Since(start) / time.Hour)
		for n := now - 20; n < now-10; n++ {
			p.conversation(n, hour(n), nil)
			p.message(n, 1, nil)
			p.message(n, 2, nil)
			p.activity(n, 3)
		}
		sync := func() {
			p.Helper()
			_, _, err := p.Sync(p.Context(), PushOptions{})
			p.must(err)
		}
		sync()
		p.everywhere()
		time.Sleep(2 * time.Hour)
		for n := now - 20; n < now-10; n++ {
			p.putAny("conversations", anonymized(n, time.Now()))
		}
		time.Sleep(time.Hour)
		before := len(p.posts())
		sync()
		p.nowhere("after the next sync")
		p.equal("requests with registrations", len(p.posts())-before, 3)
		p.fetched(hour(now-30), hour(now))
		p.nowhere("after the range was fetched again")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestAnImportAloneErasesWhatDixaAnonymizes(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		p.putAny("conversations", anonymized(1, hour(2)))
		_, err := p.Import(p.Context(), Range{From: start, To: hour(10)})
		p.must(err)
		if here, _ := p.found(); len(here) > 0 {
			p.Errorf("before the push there still are %v", here)
		}
	})
}

func TestMessagesThatComeBeforeTheirAnonymizedConversationAreErased(t *testing.T) {
	planting(t, func(p *planter) {
		p.putAny("conversations", anonymized(1, hour(2)))
		p.message(1, 1, nil)
		p.message(1, 2, nil)
		release := make(chan struct{})
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ConversationExport, Request: 1, Do: dixatest.Stall, Bytes: -1, Release: release})
		go func() {
			time.Sleep(time.Second) // the messages are all in the cache
			p.everyMessage(2)
			close(release)
		}()
		p.fetched(start, hour(10))
		p.nowhere("after the import")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func (p *planter) everyMessage(want int) {
	if got, _ := p.found(); len(got) != len(p.planted) {
		p.Errorf("of %d texts %d have come before the conversation", len(p.planted), len(got))
	}
	p.equal("messages that have come before the conversation", len(p.records("messages")), want)
}

func TestAnImportKilledBeforeItErasedIsFinishedByTheNextPushAndImport(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		// The conversation is saved, and what follows did not happen.
		body, err := json.Marshal(anonymized(1, hour(2)))
		p.must(err)
		run, left, err := p.start(p.Context(), store.Run{Command: "import", Kinds: []string{"conversations"}, Starts: start, Ends: hour(10), Began: time.Now()},
			[]store.Window{{Kind: "conversations", By: "created", Starts: start, Ends: hour(10)}})
		p.must(err)
		request, _, err := p.Store.Spend(p.Context(), store.Budget{Name: "conversation exports"})
		p.must(err)
		record := recordOf(p.T, "conversations", string(body))
		record.UpdatedAt = hour(2).UnixMilli()
		record.Body, err = scrub(record)
		p.must(err)
		batches := make(chan store.Batch, 1)
		batches <- store.Batch{Records: []store.Record{record}, Erase: []int64{1}, Whole: true}
		close(batches)
		_, err = p.Store.Save(p.Context(), store.Answer{Window: left[0], Request: request, Asked: time.Now()}, batches)
		p.must(err)
		p.must(p.Store.FinishRun(p.Context(), run))
		p.everywhereBut(0)
		_, err = p.Push(p.Context(), PushOptions{})
		p.must(err)
		if _, there := p.found(); len(there) > 0 {
			p.Errorf("after the push in Plecto there still are %v", there)
		}
		_, err = p.Import(p.Context(), Range{From: hour(50), To: hour(51)})
		p.must(err)
		p.nowhere("after the next import")
	})
}

// everywhereBut makes sure that all planted texts but some are still to be found.
func (p *planter) everywhereBut(n int) {
	p.Helper()
	if here, _ := p.found(); len(here) != len(p.planted)-n {
		p.Errorf("there are %d of %d texts", len(here), len(p.planted))
	}
}

func TestAStoppedErasureHasForgottenNothing(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		for n := 1; n <= 130; n++ {
			p.conversation(n, hour(n), nil)
		}
		p.fetched(start, hour(200))
		var e Erasure
		for n := range 130 {
			e.CSIDs = append(e.CSIDs, int64(n+1))
		}
		p.plecto.Behaviour.Latency = time.Second
		ctx, cancel := context.WithCancelCause(p.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(ErrOutOfTime) })
		if _, err := p.Erase(ctx, e); err == nil {
			p.Error("it says that all is erased")
		}
		_, there := p.found()
		if len(there) == 0 {
			p.Error("it was not stopped in time")
		}
		done, err := p.Erase(p.Context(), e)
		p.must(err)
		p.equal("sent by the second call", done.Sources[0].Sent, 30)
		p.nowhere("when it is done")
		if slices.Contains(done.CSIDs, 0) {
			p.Error("it erased what nobody asked for")
		}
	})
}
