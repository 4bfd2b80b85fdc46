package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/rogpeppe/go-internal/testscript"
)

// rows prints what a data source in Plecto holds, a line of JSON each: rows TITLE|UUID
func rows(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "rows TITLE|UUID")
	printLines(ts, rowsOf(ts, dataSourceOf(ts, args[0])))
}

// rowsOf returns what a data source in Plecto holds, a line of JSON each.
func rowsOf(ts *testscript.TestScript, uuid string) (lines []string) {
	for _, r := range servicesOf(ts).plecto.Registrations(uuid) {
		line, err := json.Marshal(struct {
			ID, Date string
			Fields   map[string]any
		}{r.ExternalID, r.Date.Format("2006-01-02T15:04:05Z"), r.Fields})
		ts.Check(err)
		lines = append(lines, string(line))
	}
	return lines
}

// rewrites changes a row as a person would in Plecto: rewrites TITLE|UUID ID FIELD VALUE
func rewrites(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 4, "rewrites TITLE|UUID ID FIELD VALUE")
	if !servicesOf(ts).plecto.Edit(dataSourceOf(ts, args[0]), args[1], map[string]any{args[2]: args[3]}) {
		ts.Fatalf("there is no row %s", args[1])
	}
}

// discards removes a row as a person would in Plecto: discards TITLE|UUID ID
func discards(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "discards TITLE|UUID ID")
	if !servicesOf(ts).plecto.Delete(dataSourceOf(ts, args[0]), args[1]) {
		ts.Fatalf("there is no row %s", args[1])
	}
}

func dataSourceOf(ts *testscript.TestScript, name string) (uuid string) {
	for _, d := range servicesOf(ts).plecto.DataSources() {
		if d.Title == name || d.UUID == name {
			return d.UUID
		}
	}
	ts.Fatalf("there is no data source %q", name)
	return ""
}

// datasource makes a data source with the fields of a kind in Plecto, and names its UUID in $CONVERSATIONS or $MESSAGES.
func datasource(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1 && slices.Contains(bridge.Kinds(), args[0]), "datasource KIND")
	var fields []plectotest.Field
	for _, f := range bridge.Usual(args[0]) {
		fields = append(fields, plectotest.Field{Name: f.Title, AllowEmpty: true})
	}
	ts.Setenv(strings.ToUpper(args[0]), servicesOf(ts).plecto.AddDataSource("Support "+args[0], fields...))
}

// elsewhere makes a data source in another account of Plecto, at $ELSEWHERE; the first there has the UUID of the first
// here: elsewhere TITLE
func elsewhere(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "elsewhere TITLE")
	servicesOf(ts).other.AddDataSource(args[0])
}

// deletes takes a data source out of Plecto as a person would there: deletes UUID
func deletes(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "deletes UUID")
	if !servicesOf(ts).plecto.RemoveDataSource(args[0]) {
		ts.Fatalf("there is none")
	}
}

// fields prints the fields of all data sources in Plecto, a line each: the title, the field and its input.
func fields(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 0, "fields")
	var lines []string
	for _, d := range servicesOf(ts).plecto.DataSources() {
		for _, f := range d.Fields {
			lines = append(lines, fmt.Sprintf("%s: %s %s", d.Title, f.Name, f.Input))
		}
	}
	printLines(ts, lines)
}

// employ makes Plecto know a person from another system: employ PROVIDER ID NAME EMAIL
func employ(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 4, "employ PROVIDER ID NAME EMAIL")
	c := plecto.New(plecto.Config{Email: secretEmail, Password: secretPassword, URL: servicesOf(ts).http.URL + "/behind/plecto"})
	ts.Check(c.AddMember(context.Background(), plecto.NewMember{Provider: args[0], ID: args[1], Name: args[2], Email: args[3]}))
}

// members prints the people in Plecto, a line each: the name, the e-mail, and the ids elsewhere.
func members(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 0, "members")
	var lines []string
	for _, m := range servicesOf(ts).plecto.Members() {
		line := m.Name + ", " + m.Email
		for _, a := range m.Accounts {
			line += ", " + a.Provider + " " + a.ID
		}
		lines = append(lines, line)
	}
	printLines(ts, lines)
}

// registrations prints what a data source in Plecto holds, a line each: its external id, its member, its status where it
// has one, and how often it was written.
func registrations(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "registrations UUID")
	var lines []string
	for _, r := range servicesOf(ts).plecto.Registrations(args[0]) {
		lines = append(lines, fmt.Sprintf("%s %s %v %d", r.ExternalID, r.MemberID, r.Fields["Status"], r.Writes))
	}
	printLines(ts, lines)
}

// poison makes Plecto refuse a row, or all of them: poison EXTERNAL-ID|all WORDS. Escapes in the words are Go's.
func poison(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "poison EXTERNAL-ID|all WORDS")
	words, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	s := servicesOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poison[args[0]] = words
}
