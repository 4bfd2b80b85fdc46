package bridge

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
)

func TestAValueIsTheSameHoweverPlectoShowsIt(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 15, 999e6, time.UTC)
	for _, row := range []struct {
		want any
		same []any
		not  []any
	}{
		{nil, []any{nil, ""}, []any{json.Number("0"), "0", false, "None"}},
		{"Returns", []any{"Returns", " Returns\n"}, []any{nil, "", "returns", "Return", true}},
		{"12", []any{"12", json.Number("12")}, []any{"12.0", json.Number("13"), nil}},
		{int64(7), []any{json.Number("7"), "7", "7.0", json.Number("7.00")}, []any{nil, "", "seven", json.Number("8"), true, "7 s"}},
		{int64(0), []any{json.Number("0"), "0", "0.0"}, []any{nil, "", json.Number("1")}},
		{int64(1 << 60), []any{json.Number("1152921504606846976"), "1.152921504606847e18"}, []any{json.Number("1152921500000000000")}},
		{2.5, []any{json.Number("2.5"), "2.50"}, []any{json.Number("2.6"), "2,5", nil}},
		{0.1, []any{json.Number("0.1"), json.Number("0.10000000000000001")}, []any{json.Number("0.1001")}},
		{true, []any{true, "True", "true", "yes", "1", json.Number("1")}, []any{false, "False", nil, "", "0", "x"}},
		{false, []any{false, "False", "no", "0", json.Number("0")}, []any{true, "yes", nil, "", "1"}},
		{at, []any{"2026-03-01T12:30:15Z", "2026-03-01T12:30:15+00:00", "2026-03-01T12:30:15.999Z", "2026-03-01T13:30:15+01:00", "2026-03-01 13:30:15+0100",
			"2026-03-01T12:30:15", "2026-03-01 18:15:15", "2026-03-01T04:30:15"},
			[]any{nil, "", "soon", "2026-03-01T12:30:16Z", "2026-03-01T13:30:15Z", "2026-03-01T12:40:15", "2026-03-02T12:30:15", "2026-03-01T12:30:15+01:00"}},
	} {
		for _, got := range row.same {
			if !sameValue(row.want, got) {
				t.Errorf("%v, shown as %#v, is said to differ", row.want, got)
			}
		}
		for _, got := range row.not {
			if sameValue(row.want, got) {
				t.Errorf("%v, shown as %#v, is said to be the same", row.want, got)
			}
		}
	}
}

func TestARowIsHeldAgainstWhatItShowsOfItself(t *testing.T) {
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := plecto.Registration{Date: date, MemberProvider: Provider, MemberID: "a1", Fields: []plecto.Field{
		{Name: "Queue", Value: "Returns"}, {Name: "Duration", Value: nil}, {Name: "Automated", Value: false},
	}}
	all := map[string]any{"Queue": "Returns", "Duration": nil, "Automated": false}
	const shown = "2026-03-01T12:00:00Z"
	for name, row := range map[string]struct {
		got   plecto.Row
		same  bool
		lacks []string
	}{
		"everything":                 {plecto.Row{Date: shown, MemberProvider: Provider, MemberID: "a1", Values: all}, true, nil},
		"no date":                    {plecto.Row{Values: all}, true, nil},
		"no member":                  {plecto.Row{Date: shown, Values: all}, true, nil},
		"a member of another system": {plecto.Row{Date: shown, MemberProvider: "Plecto", MemberID: "77", Values: all}, true, nil},
		"another member":             {plecto.Row{Date: shown, MemberProvider: Provider, MemberID: "a2", Values: all}, false, nil},
		"another date":               {plecto.Row{Date: "2026-03-01T12:00:01Z", Values: all}, false, nil},
		"no values":                  {plecto.Row{Date: shown}, true, []string{"Queue", "Automated"}},
		"values of others only":      {plecto.Row{Date: shown, Values: map[string]any{"created": "2026"}}, true, []string{"Queue", "Automated"}},
		"empty ones left out":        {plecto.Row{Date: shown, Values: map[string]any{"Queue": "Returns", "Automated": false}}, true, nil},
		"one left out":               {plecto.Row{Date: shown, Values: map[string]any{"Queue": "Returns", "Duration": nil}}, true, []string{"Automated"}},
		"another value":              {plecto.Row{Date: shown, Values: map[string]any{"Queue": "Sales", "Duration": nil, "Automated": false}}, false, nil},
		"a value where none was":     {plecto.Row{Date: shown, Values: map[string]any{"Queue": "Returns", "Duration": json.Number("0"), "Automated": false}}, false, nil},
	} {
		if got, lacks := same(want, row.got); got != row.same || !slices.Equal(lacks, row.lacks) {
			t.Errorf("with %s: same is %v, and it lacks %q", name, got, lacks)
		}
	}
}
