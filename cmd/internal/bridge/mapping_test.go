package bridge

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

var update = flag.Bool("update", false, "write the registrations of testdata/mapping anew")

// mapped makes registrations of a kind, for an organisation with two agents, the first with two e-mails.
func mapped(kind string) *mapping {
	ida := store.Agent{ID: "a1", Name: "Ida Holm"}
	return &mapping{
		source: store.Source{Kind: kind, UUID: "0123456789abcdef0123456789abcdef"},
		fields: Fields(kind),
		people: map[string]store.Agent{"ida@example.com": ida, "ida.holm@example.dk": ida, "bo@example.com": {ID: "a2"}},
	}
}

// Each file holds a record and the registration that it becomes. Run with -update after a change that is meant, and
// raise mappingVersion with it.
func TestARecordBecomesItsRegistration(t *testing.T) {
	files, err := filepath.Glob("testdata/mapping/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var pair struct {
				Kind         string          `json:"kind"`
				Record       json.RawMessage `json:"record"`
				Registration json.RawMessage `json:"registration"`
			}
			if err := json.Unmarshal(golden, &pair); err != nil {
				t.Fatal(err)
			}
			row, err := mapped(pair.Kind).registration(recordOf(t, pair.Kind, string(pair.Record)))
			if err != nil {
				t.Fatal(err)
			}
			pair.Registration = row.AppendJSON(nil)
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(pair); err != nil {
				t.Fatal(err)
			}
			if *update {
				err = os.WriteFile(file, got.Bytes(), 0o644)
			} else if !bytes.Equal(got.Bytes(), golden) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), golden)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNothingPersonalOfCustomersIsSentByDefault(t *testing.T) {
	const canary = "canary-4711"
	personal := map[string][]string{
		"conversations": {
			"requester_id", "requester_name", "requester_email", "requester_additional_emails", "requester_phone_number", "requester_additional_phone_numbers",
			"transferee_name", "transferee_number", "subject", "rating_message", "ratings", "conversation_wrapup_notes", "custom_fields", "forwarding_email",
			"to_provisioned_phone_number_id", "to_provisioned_phone_number_name", "from_provisioned_phone_number_id", "from_provisioned_phone_number_name",
		},
		"messages": {
			"author_name", "text", "from_phone_number", "to_phone_number", "recording_url", "voicemail_url", "to", "cc", "bcc", "from", "attached_files",
			"chat_input_question", "chat_input_answer", "chat_menu_text", "form_submission",
		},
	}
	for kind, keys := range personal {
		for _, value := range []string{`"%s"`, `["%s"]`, `[{"rating_message":"%[1]s","value":"%[1]s"}]`, `{"email":"%s"}`} {
			for _, direction := range []string{"inbound", "outbound"} {
				body := fmt.Sprintf(`{"id":7,"created_at":1767225600000,"direction":%q,"author_email":"canary-4711@example.com"`, direction)
				for _, key := range keys {
					body += fmt.Sprintf(`,%q:`+value, key, canary)
				}
				row, err := mapped(kind).registration(recordOf(t, kind, body+"}"))
				if err != nil {
					t.Fatal(err)
				}
				if text := string(row.AppendJSON(nil)); strings.Contains(text, canary) {
					t.Errorf("%s with values like %s: %s", kind, value, text)
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
			row, err := mapped(kind).registration(recordOf(t, kind, body))
			if err != nil {
				t.Fatal(err)
			}
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
		var pair struct{ Record json.RawMessage }
		text, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(text, &pair) == nil {
			f.Add(string(pair.Record))
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
			row, err := mapped(kind).registration(store.Record{Kind: kind, ID: "1", CreatedAt: 1767225600000, Body: body})
			if err != nil {
				continue
			}
			if text := row.AppendJSON(nil); !json.Valid(text) {
				t.Errorf("%s became %s", body, text)
			}
			if row.MemberID == "" || row.MemberName == "" {
				t.Errorf("%s belongs to nobody: %q, %q", body, row.MemberID, row.MemberName)
			}
		}
	})
}
