package bridge

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// attributed is a conversation with custom attributes.
func attributed(csid int, identifiers ...string) string {
	fields := []any{}
	for _, one := range identifiers {
		fields = append(fields, map[string]any{"identifier": one, "value": "a value"})
	}
	return body(map[string]any{"id": csid, "created_at": hour(csid).UnixMilli(), "custom_fields": fields})
}

func TestFieldsAreChosenByKey(t *testing.T) {
	usual := func(kind string, but ...string) []string {
		return slices.DeleteFunc(keysOf(Usual(kind)), func(key string) bool { return slices.Contains(but, key) })
	}
	unpersonal := func(kind string) []string {
		return keysOf(slices.DeleteFunc(Fields(kind), func(f Field) bool { return f.Personal }))
	}
	custom := []string{"custom:order", "custom:path/to", "custom:topics"}
	rows := []struct {
		kind, choice string
		want         []string // nil where the choice is refused, or none
	}{
		{"conversations", "", nil},
		{"conversations", "  ", nil},
		{"conversations", "status", []string{"status"}},
		{"conversations", "queue_id, status ,closed", []string{"queue_id", "status", "closed"}},
		{"conversations", "status,closed,status", []string{"status", "closed"}},
		{"conversations", "+queue_id", append(usual("conversations"), "queue_id")},
		{"conversations", "+queue_id,+assignee_id", append(usual("conversations"), "queue_id", "assignee_id")},
		{"conversations", "+status", usual("conversations")},
		{"conversations", "-status", usual("conversations", "status")},
		{"conversations", "-queue_id", usual("conversations")},
		{"conversations", "-status,+queue_id,-closed", append(usual("conversations", "status", "closed"), "queue_id")},
		{"conversations", "-status,status", append(usual("conversations", "status"), "status")},
		{"conversations", "+queue_id,status", append(usual("conversations"), "queue_id")},
		{"conversations", "status,+queue_id", []string{"status", "queue_id"}},
		{"conversations", "status,closed,-status", []string{"closed"}},
		{"conversations", "-requester_*,-nothing*", usual("conversations")},
		{"conversations", "requester_email,status,-requester_*", []string{"status"}},
		{"conversations", "-*_at", usual("conversations", "queued_at", "assigned_at", "closed_at", "updated_at", "last_message_created_at")},
		{"conversations", "messages_*", []string{"messages_in", "messages_out"}},
		{"conversations", "messages_??", []string{"messages_in"}},
		{"conversations", "[cs]*ed", []string{"closed", "satisfied"}},
		{"conversations", "*", append(unpersonal("conversations"), custom...)},
		{"conversations", "+custom:*", append(usual("conversations"), custom...)},
		{"conversations", "custom:*", custom},
		{"conversations", "custom:*,-custom:t*", custom[:2]},
		{"conversations", "custom:order", custom[:1]},
		{"conversations", "custom:not in the cache", []string{"custom:not in the cache"}},
		{"conversations", "*,-*", nil},
		{"conversations", "+subject", append(usual("conversations"), "subject")},
		{"conversations", "requester_email,rating_*", []string{"requester_email", "rating_score"}},
		{"messages", "*", unpersonal("messages")},
		{"messages", "*,text", append(unpersonal("messages"), "text")},
		{"messages", "+t*", append(usual("messages"), "tags")},
		{"activities", "*", unpersonal("activities")},
		{"activities", "author_*,+a*", nil},
		{"activities", "+author_name,-author_name", usual("activities")},
		{"activities", "activity_type,attributes", []string{"activity_type", "attributes"}},
	}
	bubble(t, func(r *rig) {
		keep(r.T, r.Store, []store.Record{lift(r.T, "conversations", attributed(1, "order", "topics")), lift(r.T, "conversations", attributed(2, "order", "path/to"))})
		for _, row := range rows {
			got, err := r.Choose(r.Context(), row.kind, row.choice)
			refused := row.want == nil && strings.TrimSpace(row.choice) != ""
			if refused != errors.Is(err, ErrUsage) || !refused && err != nil {
				r.Errorf("%s %q: %v, %v", row.kind, row.choice, got, err)
			}
			if !refused {
				r.equal(fmt.Sprintf("%s %q", row.kind, row.choice), got, row.want)
			}
		}
	})
}

func TestAChoiceOfFieldsThatMakesNoSenseIsRefusedInWords(t *testing.T) {
	rows := []struct {
		kind, choice string
		says         []string
	}{
		{"conversations", "queue", []string{`"queue"`, "queue_name", "queue_id"}},
		{"conversations", "first_respnse_seconds", []string{"first_response_seconds"}},
		{"conversations", "xyz", []string{`no field "xyz"`}},
		{"conversations", "status,,closed", []string{"empty key"}},
		{"conversations", "+", []string{"empty key"}},
		{"conversations", "custom:", []string{`"custom:"`}},
		{"conversations", "custom:?", []string{"no field is called like", "in the cache"}},
		{"conversations", "requester_*", []string{"no field is called like", "written out"}},
		{"conversations", "Status", []string{`"Status"`}},
		{"conversations", "[", []string{"not a glob"}},
		{"conversations", "-*", []string{"leaves none"}},
		{"conversations", "status,-status", []string{"leaves none"}},
		{"conversations", "custom:a.b,custom:a b", []string{`"custom:a.b"`, `"custom:a b"`, "both"}},
		{"conversations", "custom:Order,custom:order", []string{"both"}},
		{"conversations", "custom:same*", []string{`"custom:same.x"`, `"custom:same_x"`, "both"}},
		{"conversations", "custom:...", []string{"nothing is left"}},
		{"messages", "custom:order", []string{`"custom:order"`}},
		{"messages", "custom:*", []string{"no field is called like"}},
		{"messages", "queued_at", []string{`"queued_at"`}},
		{"activities", "csid", []string{`"csid"`}},
	}
	bubble(t, func(r *rig) {
		keep(r.T, r.Store, []store.Record{lift(r.T, "conversations", attributed(1, "order", "same.x", "same_x"))})
		for _, row := range rows {
			keys, err := r.Choose(r.Context(), row.kind, row.choice)
			r.refused(fmt.Sprintf("%s %q becomes %v", row.kind, row.choice, keys), err, row.says)
		}
	})
}

// refused checks that something is refused, with all of some words.
func (r *rig) refused(what string, err error, says []string) {
	r.Helper()
	if !errors.Is(err, ErrUsage) {
		r.Errorf("%s: %v", what, err)
		return
	}
	for _, words := range says {
		if !strings.Contains(err.Error(), words) {
			r.Errorf("%s: %q does not say %q", what, err, words)
		}
	}
}

func TestPersonalFieldsAreThoseThatAreToBeWrittenOut(t *testing.T) {
	for kind, want := range map[string][]string{
		"conversations": {"subject", "requester_email"},
		"messages":      {"text"},
		"activities":    {"author_name", "attributes"},
	} {
		keys := slices.Concat(keysOf(Usual(kind)), want)
		if got := PersonalOf(kind, keys); !slices.Equal(got, want) {
			t.Errorf("of %s: %v", kind, got)
		}
		for _, key := range want {
			if f, ok := field(kind, key); !ok || f.Usual {
				t.Errorf("field %s of %s is sent without being asked for", key, kind)
			}
		}
	}
	if got := PersonalOf("conversations", []string{"custom:order"}); len(got) > 0 {
		t.Errorf("custom attributes: %v", got)
	}
}

func TestAChoiceOfDateAndMemberIsRead(t *testing.T) {
	rows := []struct {
		kind, date, member string
		want               store.Choice
		refused            []string // what the error says
	}{
		{kind: "conversations"},
		{kind: "conversations", date: "created_at", member: "assignee"},
		{kind: "messages", date: "created_at", member: "author"},
		{kind: "activities", date: "created_at", member: "author"},
		{kind: "conversations", date: "closed_at", member: "none", want: store.Choice{DateField: "closed_at", Member: "none"}},
		{kind: "conversations", date: "anonymized_at", want: store.Choice{DateField: "anonymized_at"}},
		{kind: "messages", member: "assignee", want: store.Choice{Member: "assignee"}},
		{kind: "activities", member: "none", want: store.Choice{Member: "none"}},
		{kind: "conversations", date: "status", refused: []string{`"status"`, "created_at", "closed_at", "queued_at"}},
		{kind: "conversations", date: "custom:day", refused: []string{`"custom:day"`}},
		{kind: "conversations", date: "nothing", refused: []string{"created_at"}},
		{kind: "messages", date: "closed_at", refused: []string{"messages", "created_at"}},
		{kind: "conversations", member: "author", refused: []string{`"author"`, "assignee, none"}},
		{kind: "messages", member: "everyone", refused: []string{`"everyone"`, "author, assignee, none"}},
		{kind: "calls", refused: []string{`"calls"`, "conversations, messages, activities"}},
	}
	bubble(t, func(r *rig) {
		for _, row := range rows {
			got, err := r.ParseChoice(r.Context(), row.kind, "", row.date, row.member)
			what := fmt.Sprintf("%s by %q of %q", row.kind, row.date, row.member)
			if row.refused != nil {
				r.refused(what, err, row.refused)
				continue
			}
			r.must(err)
			r.equal(what, got, row.want)
		}
	})
}

func TestEveryTimeOfAKindCanBeTheDate(t *testing.T) {
	for _, kind := range Kinds() {
		for _, f := range Fields(kind) {
			got, err := dateField(kind, f.Key)
			if (f.Type == Time) != (err == nil) || err == nil && got.Key != f.Key {
				t.Errorf("%s of %s: %v, %v", f.Key, kind, got.Key, err)
			}
		}
	}
}

func TestWhomRegistrationsCanBelongTo(t *testing.T) {
	for kind, want := range map[string][]string{
		"conversations": {"assignee", "none"},
		"messages":      {"author", "assignee", "none"},
		"activities":    {"author", "assignee", "none"},
	} {
		if got := MembersOf(kind); !reflect.DeepEqual(got, want) {
			t.Errorf("of %s: %v", kind, got)
		}
		if got := memberOf(store.Source{Kind: kind}); got != want[0] {
			t.Errorf("of %s where nothing is chosen: %s", kind, got)
		}
	}
}

func TestTitlesAreFreeOfWhatFormulasMean(t *testing.T) {
	for title, want := range map[string]string{
		"Custom order":          "Custom order",
		"Custom order_id":       "Custom order id",
		`Custom a,b(c)"d"=e.f`:  "Custom a b c d e f",
		"Custom  \t x\n\ry\x00": "Custom x y",
		"Custom ...":            "Custom",
		"Custom æøå 📦 +/-":      "Custom æøå 📦 +/-",
		"_":                     "",
	} {
		if got := formulaSafe(title); got != want {
			t.Errorf("%q becomes %q, want %q", title, got, want)
		}
	}
}
