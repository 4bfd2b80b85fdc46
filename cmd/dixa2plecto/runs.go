package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

type runJSON struct {
	Kind     string `json:"kind"`
	From     string `json:"from"`
	To       string `json:"to"`
	Windows  int    `json:"windows"`
	Requests int    `json:"requests"`
	Records  int    `json:"records"`
	Changed  int    `json:"changed"`
	Aside    int    `json:"aside"`
	Resumed  bool   `json:"resumed"`
}

type pushedJSON struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	UUID      string `json:"uuid"`
	Sent      int    `json:"sent"`
	Unchanged int    `json:"unchanged"`
	Rejected  int    `json:"rejected"`
	Requests  int    `json:"requests"`
	Members   int    `json:"members"` // told of
}

func pushedOf(p bridge.Pushed) pushedJSON {
	return pushedJSON{p.Source.Name, p.Source.Kind, p.Source.UUID, p.Sent, p.Unchanged, p.Rejected, p.Requests, p.Members}
}

// printRuns prints what an import, a push or both did. The two parts are nil where the command has no such part.
func (a *app) printRuns(imported []bridge.Imported, pushed []bridge.Pushed, failed error) error {
	doc := struct {
		OK      bool         `json:"ok"`
		Runs    []runJSON    `json:"runs,omitempty"`
		Sources []pushedJSON `json:"sources,omitempty"`
	}{OK: failed == nil}
	var tables []table
	if imported != nil {
		t := table{title: "Imported from Dixa", header: []string{"KIND", "FROM", "TO", "WINDOWS", "REQUESTS", "RECORDS", "CHANGED"}, right: []int{3, 4, 5, 6}}
		for _, i := range imported {
			doc.Runs = append(doc.Runs, runJSON{i.Kind, instant(i.From), instant(i.To), i.Windows, i.Requests, i.Records, i.Changed, i.Aside, i.Resumed})
			t.add(i.Kind, instant(i.From), instant(i.To), thousands(i.Windows), thousands(i.Requests), thousands(i.Records), thousands(i.Changed))
		}
		tables = append(tables, t)
	}
	if pushed != nil {
		t := table{title: "Pushed to Plecto", header: []string{"SOURCE", "SENT", "UNCHANGED", "REJECTED", "REQUESTS"}, right: []int{1, 2, 3, 4}}
		for _, p := range pushed {
			doc.Sources = append(doc.Sources, pushedOf(p))
			t.add(p.Source.Name, thousands(p.Sent), thousands(p.Unchanged), thousands(p.Rejected), thousands(p.Requests))
		}
		tables = append(tables, t)
	}
	err := a.result(doc, func() error {
		var errs []error
		for i, t := range tables {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			errs = append(errs, t.print(a.stdout))
		}
		return errors.Join(errs...)
	})
	for _, t := range tables {
		// What was asked is done and told: a summary that cannot be written changes nothing of that.
		if err := a.summarize(t); err != nil {
			a.logger(a.stderr).Warn("the step summary is not written", "error", err)
		}
	}
	return err
}

// instant writes a time as JSON documents and tables carry it; nothing for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
