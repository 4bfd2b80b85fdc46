package dixatest_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestTheSameSeedAndRangeMakeTheSameWorld(t *testing.T) {
	team := dixatest.Team{Seed: 7, From: start, To: start.AddDate(0, 0, 14)}
	all := func(team dixatest.Team) []byte {
		w := dixatest.NewWorld(team)
		return bytes.Join([][]byte{join(w.Conversations()), join(w.Messages()), join(w.Activities()), join(w.Agents())}, nil)
	}
	once := all(team)
	if !bytes.Equal(once, all(team)) {
		t.Error("two worlds of one seed differ")
	}
	team.Seed++
	if bytes.Equal(once, all(team)) {
		t.Error("two worlds of two seeds are the same")
	}
}

func join(records []json.RawMessage) []byte {
	var b bytes.Buffer
	for _, r := range records {
		b.Write(r)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func TestPutReplacesTheRecordWithTheSameID(t *testing.T) {
	w := new(dixatest.World)
	put(t, w, "conversations", `{"id":2,"created_at":20}`, `{"id":1,"created_at":10}`, `{"id":2,"created_at":5}`)
	if got := string(join(w.Conversations())); got != "{\"id\":2,\"created_at\":5}\n{\"id\":1,\"created_at\":10}\n" {
		t.Errorf("the world holds\n%s", got)
	}
}

func TestPutRefusesWhatCannotBeServed(t *testing.T) {
	for _, row := range []struct{ kind, record, want string }{
		{"tickets", `{"id":1,"created_at":1}`, "unknown kind"},
		{"conversations", `{"created_at":1}`, "no id"},
		{"conversations", `{"id":"x","created_at":1}`, "no id"},
		{"messages", `{"id":1,"created_at":1}`, "no id"},
		{"messages", `{"id":"x"}`, "no created_at"},
		{"messages", `{"id":`, "unexpected end"},
		{"activities", `{"id":1,"activityTimestamp":"2025-10-06T00:00:00Z"}`, "no id"},
		{"activities", `{"id":"x","created_at":1}`, "no activityTimestamp"},
		{"activities", `{"id":"x","activityTimestamp":"2025-10-06"}`, "no activityTimestamp"},
	} {
		err := new(dixatest.World).Put(row.kind, json.RawMessage(row.record))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("putting %s into %s: %v, want %q", row.record, row.kind, err, row.want)
		}
	}
}

func TestChangingWhatAWorldReturnedDoesNotChangeTheWorld(t *testing.T) {
	record := json.RawMessage(`{"id":1,"created_at":10}`)
	w := new(dixatest.World)
	if err := w.Put("conversations", record); err != nil {
		t.Fatal(err)
	}
	clear(record)
	clear(w.Conversations()[0])
	if got := string(w.Conversations()[0]); got != `{"id":1,"created_at":10}` {
		t.Errorf("the world holds %q", got)
	}
}

func TestEverythingInAWorldHappensInItsTime(t *testing.T) {
	from := start.Add(11 * time.Hour)
	to := from.AddDate(0, 0, 30)
	w := dixatest.NewWorld(dixatest.Team{Seed: 3, From: from, To: to})
	inside := func(ms int64) bool { return ms >= from.UnixMilli() && ms < to.UnixMilli() }
	for _, record := range slices.Concat(w.Conversations(), w.Messages()) {
		for key, at := range timesIn(t, record) {
			if !inside(at) && key != "rating_scheduled_for_timestamp" {
				t.Errorf("%s is %s, outside the world, in %s", key, time.UnixMilli(at).UTC(), record)
			}
		}
	}
	for _, record := range w.Conversations() {
		times := timesIn(t, record)
		for key, at := range times {
			if at > times["updated_at"] && key != "rating_scheduled_for_timestamp" {
				t.Errorf("%s is later than updated_at in %s", key, record)
			}
		}
	}
}

// timesIn lists every member of a record that is a time, by key; of ratings the
// latest of each.
func timesIn(t *testing.T, record json.RawMessage) map[string]int64 {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(record, &fields); err != nil {
		t.Fatal(err)
	}
	times := map[string]int64{}
	collect := func(fields map[string]any) {
		for key, v := range fields {
			ms, ok := v.(float64)
			if ok && (strings.HasSuffix(key, "_at") || strings.HasSuffix(key, "_timestamp") || key == "transfer_time") {
				times[key] = max(times[key], int64(ms))
			}
		}
	}
	collect(fields)
	ratings, _ := fields["ratings"].([]any)
	for _, r := range ratings {
		collect(r.(map[string]any))
	}
	return times
}

func TestAMadeWorldIsFilteredByWhatItsRecordsSay(t *testing.T) {
	made := dixatest.NewWorld(dixatest.Team{Seed: 5, From: start, To: start.AddDate(0, 0, 10)})
	put := new(dixatest.World)
	for kind, records := range map[string][]json.RawMessage{"conversations": made.Conversations(), "messages": made.Messages()} {
		for _, r := range records {
			if err := put.Put(kind, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, path := range []string{
		between("conversation_export", "created", hour(50), hour(100)),
		between("conversation_export", "updated", hour(50), hour(100)),
		between("conversation_export", "closed", hour(50), hour(100)),
		between("conversation_export", "last_message_created", hour(50), hour(100)),
		between("message_export", "created", hour(50), hour(100)),
	} {
		got := get(&dixatest.Server{World: made, Behaviour: unlimited}, path).Body.Bytes()
		want := get(&dixatest.Server{World: put, Behaviour: unlimited}, path).Body.Bytes()
		if len(got) < 1000 || !bytes.Equal(got, want) {
			t.Errorf("%s gives %d bytes of a made world and %d of its records", path, len(got), len(want))
		}
	}
}

func TestIDsAreUniqueAndMessagesBelongToConversations(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 4, From: start, To: start.AddDate(0, 0, 30)})
	begun := map[int64]int64{}
	var before lifted
	for _, c := range decode[lifted](t, array(w.Conversations())) {
		var id int64
		if err := json.Unmarshal(c.ID, &id); err != nil {
			t.Fatal(err)
		}
		if _, twice := begun[id]; twice {
			t.Errorf("two conversations have the id %d", id)
		}
		begun[id] = c.CreatedAt
		if c.CreatedAt <= before.CreatedAt || len(before.ID) > 0 && string(c.ID) <= string(before.ID) {
			t.Errorf("conversation %s does not follow %s in time and number", c.ID, before.ID)
		}
		before = c
	}
	seen, at := map[string]bool{}, int64(0)
	for _, m := range decode[lifted](t, array(w.Messages())) {
		if m.CreatedAt < at {
			t.Errorf("message %s is older than the one before", m.ID)
		}
		at = m.CreatedAt
		if seen[string(m.ID)] {
			t.Errorf("two messages have the id %s", m.ID)
		}
		seen[string(m.ID)] = true
		if at, ok := begun[m.CSID]; !ok || m.CreatedAt < at {
			t.Errorf("message %s belongs to conversation %d, which has not begun", m.ID, m.CSID)
		}
	}
}

func array(records []json.RawMessage) []byte {
	return slices.Concat([]byte{'['}, bytes.Join(rawBytes(records), []byte{','}), []byte{']'})
}

func rawBytes(records []json.RawMessage) [][]byte {
	all := make([][]byte, len(records))
	for i, r := range records {
		all[i] = r
	}
	return all
}

func BenchmarkNewWorldOf90Days(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 90)})
	}
}
