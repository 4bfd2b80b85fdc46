package bridge

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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

func (p *planter) everyMessage(want int) {
	if got, _ := p.found(); len(got) != len(p.planted) {
		p.Errorf("of %d texts %d have come before the conversation", len(p.planted), len(got))
	}
	p.equal("messages that have come before the conversation", len(p.records("messages")), want)
}

// everywhereBut makes sure that all planted texts but some are still to be found.
func (p *planter) everywhereBut(n int) {
	p.Helper()
	if here, _ := p.found(); len(here) != len(p.planted)-n {
		p.Errorf("there are %d of %d texts", len(here), len(p.planted))
	}
}
