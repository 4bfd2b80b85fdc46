package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

func (a *app) statusCommand() *cobra.Command {
	var rejected, check, alive bool
	var maxLag time.Duration
	var tz string
	var c *cobra.Command
	c = a.command(&cobra.Command{
		Use:   "status",
		Short: "Show what is in the cache, what is pending, and what to do next",
		Long: `Show what is in the cache, what is pending, and what to do next. Nobody is asked.

With --check it only tells, for monitors, how far Plecto may be behind Dixa, and
ends with 1 where that is more than --max-lag: since when the oldest conversation
is stale or waits for Plecto, or when serve last proved alive. Once it was
started, serve is meant to run: --check fails after an orderly stop too.

With --alive it asks when serve last proved alive, and nothing else: for what
starts serve anew, which helps in no trouble of the services.`,
		Example: `  dixa2plecto status
  dixa2plecto status --rejected
  dixa2plecto status --check --max-lag 5m
  dixa2plecto status --alive --max-lag 5m
  dixa2plecto status --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		zone, err := parseZone(tz)
		if err != nil {
			return err
		}
		if maxLag <= 0 {
			return usagef("--max-lag is more than 0")
		}
		check = check || alive || c.Flags().Changed("max-lag")
		return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			if rejected {
				return a.printRejections(ctx, b)
			}
			if check {
				return a.checkLag(ctx, b, maxLag, alive)
			}
			st, err := b.Status(ctx, zone)
			if err != nil {
				return err
			}
			return a.result(statusDocument(st), func() error { return a.printStatus(st) })
		})
	})
	c.Flags().BoolVar(&rejected, "rejected", false, "list the rejected registrations with Plecto's words")
	c.Flags().BoolVar(&check, "check", false, "tell the lag alone, and end with 1 beyond --max-lag")
	c.Flags().BoolVar(&alive, "alive", false, "like --check, but by nothing else than serve's last sign of life")
	c.Flags().DurationVar(&maxLag, "max-lag", 5*time.Minute, "the lag that --check allows, or the age of the sign of life")
	c.Flags().StringVar(&tz, "tz", "UTC", "time zone of months, for example Europe/Copenhagen")
	return c
}

// extent returns the first and the last moment of spans in order.
func extent(spans []store.Span) (from, to time.Time) {
	if len(spans) > 0 {
		from, to = spans[0].From, spans[len(spans)-1].To
	}
	return from, to
}

func (a *app) printStatus(st bridge.Status) error {
	fmt.Fprintf(a.stdout, "Connection %s\n\n", st.Connection)
	kinds := table{header: []string{"KIND", "RECORDS", "FROM", "TO", "GAPS", "SET ASIDE"}, right: []int{1, 4, 5}}
	months := table{header: []string{"MONTH"}}
	byMonth := map[string][]string{}
	var order []string
	for i, k := range st.Kinds {
		from, to := extent(k.Covered)
		kinds.add(k.Kind, thousands(k.Records), instant(from), instant(to), thousands(len(k.Gaps())), thousands(k.Aside))
		months.header = append(months.header, strings.ToUpper(k.Kind))
		months.right = append(months.right, i+1)
		for _, m := range k.Months {
			if byMonth[m.Month] == nil {
				byMonth[m.Month] = make([]string, len(st.Kinds))
				order = append(order, m.Month)
			}
			byMonth[m.Month][i] = thousands(m.Records)
		}
	}
	if err := kinds.print(a.stdout); err != nil {
		return err
	}
	if len(order) > 0 {
		slices.Sort(order)
		for _, m := range order {
			months.add(append([]string{m}, byMonth[m]...)...)
		}
		fmt.Fprintln(a.stdout)
		if err := months.print(a.stdout); err != nil {
			return err
		}
	}
	if len(st.Sources) > 0 {
		t := table{header: []string{"SOURCE", "KIND", "ACCEPTED", "PENDING", "REJECTED"}, right: []int{2, 3, 4}}
		for _, s := range st.Sources {
			t.add(s.Source.Name, s.Source.Kind, thousands(s.Accepted), thousands(s.Pending), thousands(s.Rejected))
		}
		fmt.Fprintln(a.stdout)
		if err := t.print(a.stdout); err != nil {
			return err
		}
	}
	budgets := table{header: []string{"BUDGET", "USED", "LIMIT", "FREE"}, right: []int{1, 2}}
	now := time.Now()
	for _, s := range st.Budgets {
		limit, free := "none", "now"
		if s.Budget.Limit > 0 {
			limit = fmt.Sprintf("%s / %s", thousands(s.Budget.Limit), per(s.Budget.Per))
		}
		if s.Free.After(now) {
			free = instant(s.Free)
		}
		budgets.add(s.Budget.Name, thousands(s.Used), limit, free)
	}
	fmt.Fprintln(a.stdout)
	if err := budgets.print(a.stdout); err != nil {
		return err
	}
	if err := a.printLive(st.Live); err != nil {
		return err
	}
	if err := a.printLastRuns(st.Runs); err != nil {
		return err
	}
	for _, e := range st.Aside {
		fmt.Fprintf(a.stdout, "\nSet aside: %s %s: %s\n", e.Kind, plain(e.ID), plain(e.Reason))
	}
	_, err := fmt.Fprintf(a.stdout, "\nNext: %s\n", next(st))
	return err
}

func (a *app) printLastRuns(runs []store.Run) error {
	if len(runs) == 0 {
		return nil
	}
	t := table{header: []string{"LAST RUNS", "KINDS", "FROM", "TO", "BEGAN", "FINISHED"}}
	for _, r := range runs {
		finished := instant(r.FinishedAt)
		if finished == "" {
			finished = "not yet"
		}
		t.add(r.Command, strings.Join(r.Kinds, ","), instant(r.Starts), instant(r.Ends), instant(r.Began), finished)
	}
	fmt.Fprintln(a.stdout)
	return t.print(a.stdout)
}

func per(d time.Duration) string {
	switch d {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	}
	return d.String()
}

// next says what a person would do now.
func next(st bridge.Status) string {
	var records, pending, rejected int
	for _, k := range st.Kinds {
		records += k.Records
	}
	for _, s := range st.Sources {
		pending += s.Pending
		rejected += s.Rejected
	}
	for _, r := range st.Runs {
		if r.Command == "import" && r.FinishedAt.IsZero() {
			return "an import is unfinished: run the same `dixa2plecto import` again, it goes on where it stopped"
		}
	}
	switch {
	case !st.Live.Serving && !st.Live.AliveAt.IsZero():
		return "`dixa2plecto serve` was last alive at " + instant(st.Live.AliveAt) + ": start it again, it fetches what it missed"
	case records == 0:
		return "`dixa2plecto import --from -30d` fetches the last 30 days"
	case len(st.Sources) == 0:
		return "`dixa2plecto sources link conversations UUID` says where they go in Plecto"
	case pending > 0:
		return "`dixa2plecto push` sends what is pending"
	case rejected > 0:
		return "`dixa2plecto status --rejected` shows why; then `dixa2plecto push --retry-rejected`"
	}
	if st.Live.Serving {
		return "nothing to do; `dixa2plecto serve` keeps it current"
	}
	return "nothing to do; `dixa2plecto sync` from cron keeps it current"
}

func (a *app) printRejections(ctx context.Context, b *bridge.Bridge) error {
	all, err := b.Rejections(ctx)
	if err != nil {
		return err
	}
	type rejectionJSON struct {
		Source     string `json:"source"`
		ExternalID string `json:"external_id"`
		Reason     string `json:"reason"`
	}
	doc := struct {
		OK       bool            `json:"ok"`
		Rejected []rejectionJSON `json:"rejected"`
	}{true, []rejectionJSON{}}
	t := table{header: []string{"SOURCE", "EXTERNAL ID", "PLECTO SAYS"}}
	for _, r := range all {
		doc.Rejected = append(doc.Rejected, rejectionJSON(r))
		t.add(r.Source, r.ExternalID, r.Reason)
	}
	return a.result(doc, func() error {
		if len(all) == 0 {
			_, err := fmt.Fprintln(a.stdout, "Nothing is rejected.")
			return err
		}
		return t.print(a.stdout)
	})
}
