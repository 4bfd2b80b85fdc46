package bridge

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

var update = flag.Bool("update", false, "write the registrations of testdata/mapping anew")

// always is the coverage of a cache that has all messages there ever were.
var always = coverage{{From: time.UnixMilli(0), To: time.UnixMilli(1 << 60)}}

// mapped makes registrations of a kind, for an organisation with two agents, the first with two e-mails.
func mapped(kind string) *mapping {
	ida := store.Agent{ID: "a1", Name: "Ida Holm", Emails: []string{"ida@example.com", "ida.holm@example.dk"}}
	return &mapping{
		source: store.Source{Kind: kind, UUID: "0123456789abcdef0123456789abcdef"},
		fields: Usual(kind),
		people: newPeople([]store.Agent{ida, {ID: "a2", Emails: []string{"bo@example.com"}}}),
	}
}

// alone maps a record of which nothing else of its conversation is there.
func alone(t *testing.T, r store.Record) plecto.Registration {
	t.Helper()
	th, err := newThread([]store.Record{r}, always)
	if err != nil {
		t.Fatal(err)
	}
	m := mapped(r.Kind)
	return m.registration(m.subject(th, th.records[0]))
}

// A golden is a record with the registration that it becomes, or a whole conversation with those of all its records.
type golden struct {
	Kind   string          `json:"kind,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`

	// Agents are those of the organisation; those of mapped when there are none.
	Agents []struct {
		ID     string   `json:"id"`
		Name   string   `json:"name"`
		Emails []string `json:"emails"`
	} `json:"agents,omitempty"`
	// Sources are what is chosen, by kind; one with the usual choice for each kind when there are none.
	Sources map[string]struct {
		Fields    []string `json:"fields,omitempty"`
		DateField string   `json:"date_field,omitempty"`
		Member    string   `json:"member,omitempty"`
		AsText    []string `json:"as_text,omitempty"`
	} `json:"sources,omitempty"`
	// Covered is the stretches of time of which all messages are in the cache; all time when it is left out.
	Covered      [][2]int64        `json:"covered,omitempty"`
	Conversation json.RawMessage   `json:"conversation,omitempty"`
	Messages     []json.RawMessage `json:"messages,omitempty"`
	Activities   []json.RawMessage `json:"activities,omitempty"`

	Registration  json.RawMessage `json:"registration,omitempty"`
	Registrations struct {
		Conversations []json.RawMessage `json:"conversations,omitempty"`
		Messages      []json.RawMessage `json:"messages,omitempty"`
		Activities    []json.RawMessage `json:"activities,omitempty"`
	} `json:"registrations,omitzero"`
}

// records are those of the conversation, in the order of the file and without its white space.
func (g *golden) records(t *testing.T) []store.Record {
	var all []store.Record
	add := func(kind string, bodies ...json.RawMessage) {
		for _, body := range bodies {
			var compact bytes.Buffer
			if err := json.Compact(&compact, body); err != nil {
				t.Fatal(err)
			}
			all = append(all, lift(t, kind, compact.String()))
		}
	}
	if g.Conversation != nil {
		add("conversations", g.Conversation)
	}
	add("messages", g.Messages...)
	add("activities", g.Activities...)
	return all
}

// lift does what recordOf does, for entries of the activity log too.
func lift(t *testing.T, kind, body string) store.Record {
	t.Helper()
	if kind != "activities" {
		return recordOf(t, kind, body)
	}
	var lifted struct {
		ID   string    `json:"id"`
		CSID int64     `json:"conversationId"`
		At   time.Time `json:"activityTimestamp"`
	}
	if err := json.Unmarshal([]byte(body), &lifted); err != nil {
		t.Fatal(err)
	}
	return store.Record{Kind: kind, ID: lifted.ID, CSID: lifted.CSID, CreatedAt: lifted.At.UnixMilli(), Body: body}
}

// mapping is what maps the conversation's records of a kind; there is none where the file asks for other kinds alone.
func (g *golden) mapping(t *testing.T, kind string) *mapping {
	chosen, ok := g.Sources[kind]
	if !ok && g.Sources != nil {
		return nil
	}
	m := mapped(kind)
	m.source.Choice = store.Choice{DateField: chosen.DateField, Member: chosen.Member}
	m.source.AsText = chosen.AsText
	if chosen.Fields != nil {
		m.fields = nil
	}
	for _, key := range chosen.Fields {
		f, ok := field(kind, key)
		if !ok {
			t.Fatalf("there is no field %s of %s", key, kind)
		}
		m.fields = append(m.fields, f)
	}
	if chosen.DateField != "" {
		var err error
		if m.date, err = dateField(kind, chosen.DateField); err != nil {
			t.Fatal(err)
		}
	}
	if g.Agents != nil {
		var agents []store.Agent
		for _, a := range g.Agents {
			agents = append(agents, store.Agent{ID: a.ID, Name: a.Name, Emails: a.Emails})
		}
		m.people = newPeople(agents)
	}
	return m
}

// rows maps all records of a conversation, and returns the registrations in the order of the records.
func (g *golden) rows(t *testing.T, records []store.Record) map[string][]json.RawMessage {
	covered := always
	if g.Covered != nil {
		covered = nil
		for _, span := range g.Covered {
			covered = append(covered, store.Span{From: time.UnixMilli(span[0]), To: time.UnixMilli(span[1])})
		}
	}
	th, err := newThread(records, covered)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]json.RawMessage{}
	for _, r := range th.records {
		if m := g.mapping(t, r.Kind); m != nil {
			rows[r.Kind] = append(rows[r.Kind], m.registration(m.subject(th, r)).AppendJSON(nil))
		}
	}
	return rows
}

// Each file holds records and the registrations that they become. Run with -update after a change that is meant, and
// raise mappingVersion with it.
func TestARecordBecomesItsRegistration(t *testing.T) {
	files, err := filepath.Glob("testdata/mapping/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			dec := json.NewDecoder(bytes.NewReader(want))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&g); err != nil {
				t.Fatal(err)
			}
			if g.Record != nil {
				g.Registration = alone(t, recordOf(t, g.Kind, string(g.Record))).AppendJSON(nil)
			} else {
				records := g.records(t)
				rows := g.rows(t, records)
				g.Registrations.Conversations, g.Registrations.Messages, g.Registrations.Activities = rows["conversations"], rows["messages"], rows["activities"]
				// The cache gives the records of a conversation in no order.
				slices.Reverse(records)
				for kind, reversed := range g.rows(t, records) {
					if slices.Reverse(reversed); !reflect.DeepEqual(reversed, rows[kind]) {
						t.Errorf("read in another order, the %s become %s", kind, reversed)
					}
				}
			}
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(g); err != nil {
				t.Fatal(err)
			}
			if *update {
				err = os.WriteFile(file, got.Bytes(), 0o644)
			} else if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// customers are the members of each kind that tell of a customer, the values of custom attributes left out: they go where
// they are asked for, by a glob too.
var customers = map[string][]string{
	"conversations": {
		"requester_id", "requester_name", "requester_email", "requester_additional_emails", "requester_phone_number", "requester_additional_phone_numbers",
		"transferee_name", "transferee_number", "subject", "rating_message", "ratings", "conversation_wrapup_notes", "forwarding_email",
		"dixa_email_integration_id", "to_provisioned_phone_number_id", "from_provisioned_phone_number_id",
	},
	"messages": {
		"author_name", "author_email", "text", "from_phone_number", "to_phone_number", "recording_url", "voicemail_url", "to", "cc", "bcc", "from", "attached_files",
		"chat_input_question", "chat_input_answer", "chat_menu_text", "form_submission", "formSubmission",
	},
	"activities": {"author", "attributes"},
}

const canary = "canary-4711"

// canaries are records with something of a customer wherever that can be.
func canaries(kind string, more ...string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range []string{
			`"%s"`, `["%s"]`, `[{"rating_message":"%[1]s","rating_type":"%[1]s","value":"%[1]s"}]`,
			`{"id":"%s","name":"%[1]s","email":"%[1]s@example.com","phoneNumber":"%[1]s"}`, `{"email":"%s@example.com"}`, `{"text":"%s"}`,
		} {
			for _, direction := range []string{"inbound", "outbound"} {
				body := fmt.Sprintf(`{"id":7,"created_at":1767225600000,"direction":%q,"_type":"MessageAddedByCustomer"`, direction)
				for _, key := range slices.Concat(customers[kind], more) {
					body += fmt.Sprintf(`,%q:`+value, key, canary)
				}
				if !yield(body + "}") {
					return
				}
			}
		}
	}
}

func TestNothingPersonalOfCustomersIsSentByDefault(t *testing.T) {
	others := map[string][]string{"conversations": {"custom_fields", "to_provisioned_phone_number_name", "from_provisioned_phone_number_name"}}
	for _, kind := range Kinds() {
		for body := range canaries(kind, others[kind]...) {
			if text := string(alone(t, recordOf(t, kind, body)).AppendJSON(nil)); strings.Contains(text, canary) {
				t.Errorf("%s %s become %s", kind, body, text)
			}
		}
	}
}

func TestNothingPersonalOfCustomersIsSentForAGlob(t *testing.T) {
	bubble(t, func(r *rig) {
		for _, kind := range Kinds() {
			for _, glob := range []string{"*", "+*", "[a-z]*"} {
				keys, err := r.Choose(r.Context(), kind, glob)
				r.must(err)
				m := mapped(kind)
				if m.fields, err = chosen(store.Source{Kind: kind, Choice: store.Choice{Keys: keys}}); err != nil {
					t.Fatal(err)
				}
				r.equal("personal fields of "+glob, PersonalOf(kind, keys), []string{})
				for body := range canaries(kind) {
					th, err := newThread([]store.Record{recordOf(t, kind, body)}, always)
					r.must(err)
					if text := string(m.registration(m.subject(th, th.records[0])).AppendJSON(nil)); strings.Contains(text, canary) {
						t.Errorf("with %s, %s %s become %s", glob, kind, body, text)
					}
				}
			}
		}
	})
}

func TestEveryFieldThatTellsOfACustomerIsPersonal(t *testing.T) {
	for _, kind := range Kinds() {
		m := mapped(kind)
		m.fields = Fields(kind)
		for body := range canaries(kind) {
			th, err := newThread([]store.Record{recordOf(t, kind, body)}, always)
			if err != nil {
				t.Fatal(err)
			}
			for i, value := range m.registration(m.subject(th, th.records[0])).Fields {
				if strings.Contains(fmt.Sprint(value.Value), canary) && !m.fields[i].Personal {
					t.Errorf("field %s of %s is not personal, and tells %v", m.fields[i].Key, kind, value.Value)
				}
			}
		}
	}
}

// names are the keys of a registration in their order.
func names(row plecto.Registration) (names []string) {
	for _, f := range row.Fields {
		names = append(names, f.Name)
	}
	return names
}

// Plecto replaces a row whole: a key left out would lose its value.
func TestEveryRegistrationOfAKindHasTheSameKeys(t *testing.T) {
	for _, kind := range Kinds() {
		want := ""
		for _, body := range []string{
			`{"id":1}`, `{"id":1,"status":null,"tags":null,"csid":null}`,
			`{"id":1,"status":"open","queue_name":"Returns","tags":["a"],"rating_score":5,"csid":2,"duration":1.5,"is_automated_message":true}`,
		} {
			row := alone(t, recordOf(t, kind, body))
			got := strings.Join(names(row), ", ")
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("the keys of %s are %s, want %s", body, got, want)
			}
		}
	}
}

func TestTitlesCanBeNamedInFormulasAndAreEachUsedOnce(t *testing.T) {
	for _, kind := range Kinds() {
		seen := make(map[string]bool)
		for _, f := range Fields(kind) {
			if strings.ContainsAny(f.Title, `,()"=.`) || f.Title == "" || seen[f.Title] || seen[f.Key] {
				t.Errorf("a field of %s has the title %q and the key %q", kind, f.Title, f.Key)
			}
			seen[f.Title], seen[f.Key] = true, true
		}
	}
}

// What the cache holds is JSON, of whatever members: a mapping never panics over it and always makes JSON of it.
func FuzzMapping(f *testing.F) {
	files, _ := filepath.Glob("testdata/mapping/*.json")
	for _, file := range files {
		var g golden
		text, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(text, &g) != nil {
			continue
		}
		for _, body := range slices.Concat([]json.RawMessage{g.Record, g.Conversation}, g.Messages, g.Activities) {
			f.Add(string(body))
		}
	}
	for _, body := range []string{
		``, `[]`, `{`, `{"tags":[`, `{"id":1}{`, `{"queued_at":1e300,"closed_at":-9223372036854775808}`, `{"rating_score":"NaN","total_duration":"1e999"}`,
		"{\"queue_name\":\"\xff\",\"status\":\"\\ud800\"}", `{"tags":[[["a"]],{"b":1},null,1.5]}`, `{"id":1,"id":2,"status":"a","status":"b"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range Kinds() {
			th, err := newThread([]store.Record{{Kind: kind, ID: "1", CreatedAt: 1767225600000, Body: body}}, always)
			if err != nil {
				continue
			}
			m := mapped(kind)
			row := m.registration(m.subject(th, th.records[0]))
			if text := row.AppendJSON(nil); !json.Valid(text) {
				t.Errorf("%s became %s", body, text)
			}
			if row.MemberID == "" || row.MemberName == "" {
				t.Errorf("%s belongs to nobody: %q, %q", body, row.MemberID, row.MemberName)
			}
		}
	})
}
