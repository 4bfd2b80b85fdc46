package main

import "github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"

type spanJSON struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type kindStatusJSON struct {
	Kind    string      `json:"kind"`
	Records int         `json:"records"`
	From    string      `json:"from,omitempty"`
	To      string      `json:"to,omitempty"`
	Gaps    []spanJSON  `json:"gaps"`
	Aside   int         `json:"aside"`
	Synced  string      `json:"synced,omitempty"`
	Months  []monthJSON `json:"months"`
}

type monthJSON struct {
	Month   string `json:"month"`
	Records int    `json:"records"`
}

type sourceStatusJSON struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	UUID     string `json:"uuid"`
	Accepted int    `json:"accepted"`
	Pending  int    `json:"pending"`
	Rejected int    `json:"rejected"`
}

type budgetJSON struct {
	Name       string  `json:"name"`
	Limit      int     `json:"limit"`
	PerSeconds float64 `json:"per_seconds"`
	Used       int     `json:"used"`
	FreeAt     string  `json:"free_at"`
}

type runStatusJSON struct {
	Command  string   `json:"command"`
	Kinds    []string `json:"kinds"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Began    string   `json:"began"`
	Finished string   `json:"finished,omitempty"`
}

type asideJSON struct {
	Kind   string `json:"kind"`
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
}

type statusJSON struct {
	OK         bool               `json:"ok"`
	Connection string             `json:"connection"`
	Kinds      []kindStatusJSON   `json:"kinds"`
	Sources    []sourceStatusJSON `json:"sources"`
	Stale      int                `json:"stale"`
	Live       liveJSON           `json:"live"`
	Budgets    []budgetJSON       `json:"budgets"`
	Runs       []runStatusJSON    `json:"runs"`
	Aside      []asideJSON        `json:"aside"`
}

func statusDocument(st bridge.Status) statusJSON {
	doc := statusJSON{OK: true, Connection: st.Connection, Stale: st.Live.Stale, Live: liveOf(st.Live),
		Kinds: []kindStatusJSON{}, Sources: []sourceStatusJSON{}, Budgets: []budgetJSON{}, Runs: []runStatusJSON{}, Aside: []asideJSON{}}
	for _, k := range st.Kinds {
		from, to := extent(k.Covered)
		one := kindStatusJSON{Kind: k.Kind, Records: k.Records, From: instant(from), To: instant(to), Gaps: []spanJSON{}, Aside: k.Aside,
			Synced: instant(k.Synced), Months: []monthJSON{}}
		for _, g := range k.Gaps() {
			one.Gaps = append(one.Gaps, spanJSON{instant(g.From), instant(g.To)})
		}
		for _, m := range k.Months {
			one.Months = append(one.Months, monthJSON{m.Month, m.Records})
		}
		doc.Kinds = append(doc.Kinds, one)
	}
	for _, s := range st.Sources {
		doc.Sources = append(doc.Sources, sourceStatusJSON{s.Source.Name, s.Source.Kind, s.Source.UUID, s.Accepted, s.Pending, s.Rejected})
	}
	for _, s := range st.Budgets {
		doc.Budgets = append(doc.Budgets, budgetJSON{s.Budget.Name, s.Budget.Limit, s.Budget.Per.Seconds(), s.Used, instant(s.Free)})
	}
	for _, r := range st.Runs {
		doc.Runs = append(doc.Runs, runStatusJSON{r.Command, r.Kinds, instant(r.Starts), instant(r.Ends), instant(r.Began), instant(r.FinishedAt)})
	}
	for _, e := range st.Aside {
		doc.Aside = append(doc.Aside, asideJSON(e))
	}
	return doc
}
