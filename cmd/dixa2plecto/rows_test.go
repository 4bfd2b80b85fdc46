package main

import (
	"encoding/json"

	"github.com/rogpeppe/go-internal/testscript"
)

// rows prints what a data source in Plecto holds, a line of JSON each: rows TITLE|UUID
func rows(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "rows TITLE|UUID")
	var lines []string
	for _, r := range servicesOf(ts).plecto.Registrations(dataSourceOf(ts, args[0])) {
		line, err := json.Marshal(struct {
			ID, Date string
			Fields   map[string]any
		}{r.ExternalID, r.Date.Format("2006-01-02T15:04:05Z"), r.Fields})
		ts.Check(err)
		lines = append(lines, string(line))
	}
	printLines(ts, lines)
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
