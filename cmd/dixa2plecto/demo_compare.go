package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

// demoCounts counts what Plecto has exactly as Dixa.
type demoCounts struct {
	Conversations int `json:"conversations"`
	Messages      int `json:"messages"`
	Activities    int `json:"activities"`
	Members       int `json:"members"`
}

// A demoRecord is what the demo reads of any record of Dixa's.
type demoRecord struct {
	ID           any         `json:"id"`
	CSID         json.Number `json:"csid"`           // of a message
	Conversation json.Number `json:"conversationId"` // of an activity
	CreatedAt    int64       `json:"created_at"`
	Timestamp    string      `json:"activityTimestamp"`
	Type         string      `json:"_type"`
	Direction    string      `json:"direction"`
	Status       string      `json:"status"`
	Queue        string      `json:"queue_name"`
	UpdatedAt    int64       `json:"updated_at"`
	LastMessage  int64       `json:"last_message_created_at"`
	Tags         []string    `json:"tags"`
}

func (r demoRecord) id() string { return fmt.Sprint(r.ID) }

func (r demoRecord) created() (time.Time, error) {
	if r.Timestamp == "" {
		return time.UnixMilli(r.CreatedAt), nil
	}
	return time.Parse(time.RFC3339, strings.TrimSuffix(r.Timestamp, "[GMT]"))
}

// says returns what the registration has to say by the titles of its fields, as text, the state of the record's
// conversation included. Whatever changes in Dixa later than it came to Plecto shows in one of these.
func (r demoRecord) says(conversations map[string]demoRecord) map[string]string {
	csid := cmp.Or(r.CSID, r.Conversation)
	if csid == "" {
		return map[string]string{
			"Status": r.Status, "Queue": r.Queue, "Direction": r.Direction, "Tags": strings.Join(r.Tags, ", "),
			"Updated at": secondOf(r.UpdatedAt), "Last message at": secondOf(r.LastMessage),
		}
	}
	about := conversations[csid.String()]
	all := map[string]string{"Conversation": csid.String(), "Status": about.Status, "Queue": about.Queue}
	if r.Timestamp != "" {
		all["Activity"] = r.Type
	} else {
		all["Direction"] = r.Direction
	}
	return all
}

// secondOf is a time to the second; nothing where there is none.
func secondOf(ms int64) string {
	if ms == 0 {
		return ""
	}
	return instant(time.UnixMilli(ms))
}

// shownOf is what Plecto has in a field, as text.
func shownOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return instant(t)
		}
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(value)
}

// compare holds every record that Dixa has from before some time, or every one, against what Plecto has.
func (d *demo) compare(before time.Time) (found demoCounts, err error) {
	found.Members = len(d.plecto.Members())
	counts := []*int{&found.Conversations, &found.Messages, &found.Activities}
	conversations := map[string]demoRecord{}
	for i, records := range [][]json.RawMessage{d.world.Conversations(), d.world.Messages(), d.world.Activities()} {
		want := map[string]demoRecord{}
		for _, text := range records {
			r, created, err := readRecord(text)
			if err != nil {
				return found, err
			}
			if i == 0 {
				conversations[r.id()] = r
			}
			if before.IsZero() || created.Before(before) {
				want[r.id()] = r
			}
		}
		kind := bridge.Kinds()[i]
		for _, row := range d.plecto.Registrations(d.plecto.DataSources()[i].UUID) {
			r, ok := want[row.ExternalID]
			if !ok {
				return found, fmt.Errorf("%s %s are in Plecto, but not in Dixa", kind, row.ExternalID)
			}
			delete(want, row.ExternalID)
			for title, value := range r.says(conversations) {
				if got := shownOf(row.Fields[title]); got != value {
					return found, fmt.Errorf("%s %s: %s is %q in Plecto, but %q in Dixa", kind, row.ExternalID, title, got, value)
				}
			}
			*counts[i]++
		}
		if len(want) > 0 {
			return found, fmt.Errorf("%d %s of Dixa's are not in Plecto", len(want), kind)
		}
	}
	return found, nil
}

func readRecord(text json.RawMessage) (r demoRecord, created time.Time, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err = dec.Decode(&r); err == nil {
		created, err = r.created()
	}
	return r, created, err
}
