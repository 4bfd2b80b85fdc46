package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

type verifyOptions struct {
	patienceFlags
	bridge.VerifyOptions
	from, to, tz string
	allDays      bool
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	c := a.command(&cobra.Command{
		Use:   "verify [--from D] [--to D]",
		Short: "Compare the cache with Plecto, and with Dixa",
		Long: `Compare what the cache holds with what Plecto has, day by day and row by row, and
say which differ and why: pending, rejected, deleted or changed in Plecto, not in
the cache. With --dixa also ask Dixa for the range again. Nothing is changed,
unless --repair makes what differs in Plecto pending: the next push sends it.

How many requests it takes is said before the first; stopped, the same command goes
on. Other runs may go on beside it, unless it repairs. The range is one of registrations' dates, everything when left out. With a
difference the command ends with code 6.`,
		Example: `  dixa2plecto verify
  dixa2plecto verify --from -30d --dixa
  dixa2plecto verify --from 2026-03-01 --to 2026-03-31 --tz Europe/Copenhagen --repair --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return a.runVerify(ctx, o) })
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "first day or instant to compare")
	f.StringVar(&o.to, "to", "", "last day to compare, or the instant to end before")
	f.StringVar(&o.tz, "tz", "UTC", "time zone of days, for example Europe/Copenhagen")
	f.StringVar(&o.Source, "source", "", "compare one source only")
	f.BoolVar(&o.Dixa, "dixa", false, "compare the cache with Dixa too")
	f.BoolVar(&o.Repair, "repair", false, "make what differs in Plecto pending")
	f.BoolVar(&o.allDays, "days", false, "print the counts of every day, not only of those that differ")
	o.add(c)
	_ = c.RegisterFlagCompletionFunc("source", a.completeSources)
	return c
}

func (a *app) runVerify(ctx context.Context, o verifyOptions) (err error) {
	if o.Zone, err = parseZone(o.tz); err != nil {
		return err
	}
	if o.Span, err = parseSpan(o.from, o.to, time.Now(), o.Zone); err != nil {
		return err
	}
	needs := needPlecto
	if o.Dixa {
		needs |= needDixa
	}
	if o.Repair {
		needs |= needLock
	}
	return a.withBridge(ctx, needs, o.patienceFlags, func(ctx context.Context, b *bridge.Bridge) error {
		o.Price = a.printPrices
		verified, err := b.Verify(ctx, o.VerifyOptions)
		if err != nil && !errors.Is(err, bridge.ErrDifferences) {
			return err
		}
		return errors.Join(err, a.printVerified(verified, o, err))
	})
}

// parseSpan reads --from and --to, either of which may be left out.
func parseSpan(from, to string, now time.Time, zone *time.Location) (s store.Span, err error) {
	if from != "" {
		if s.From, _, err = parseWhen(from, now, zone); err != nil {
			return s, fmt.Errorf("--from: %w", err)
		}
	}
	if to != "" {
		var day bool
		if s.To, day, err = parseWhen(to, now, zone); err != nil {
			return s, fmt.Errorf("--to: %w", err)
		}
		if day {
			s.To = startOfDay(s.To, 1)
		}
		if !s.From.Before(s.To) {
			return s, usagef("the range is empty: --from %s is not before --to %s", from, to)
		}
	}
	return s, nil
}

// printPrices says what a comparison takes before it begins.
func (a *app) printPrices(prices []bridge.Price) {
	if a.quiet {
		return
	}
	for _, p := range prices {
		more := ""
		if p.Why != "" {
			more = " more"
		}
		text := fmt.Sprintf("dixa2plecto: verify %s takes about %s%s of the budget %q", p.Name, counted(p.Requests, "request"), more, p.Budget)
		if p.Left >= 0 {
			text += fmt.Sprintf(", which has %s left", thousands(p.Left))
		}
		if p.Least > 0 {
			text += fmt.Sprintf(" and makes it take %s at least", p.Least)
		}
		if p.Why != "" {
			text += ": " + p.Why
		}
		fmt.Fprintln(a.watch, text)
	}
}

type dayJSON struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	Day    string `json:"day"`
	Dixa   *int   `json:"dixa,omitempty"`
	Cache  int    `json:"cache"`
	Plecto *int   `json:"plecto,omitempty"`
}

type differenceJSON struct {
	Source     string `json:"source"`
	ExternalID string `json:"external_id"`
	Why        string `json:"why"`
}

// compared is a count, or nothing where a side was not compared.
func compared(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// differencesShown is how many differences are listed for people.
const differencesShown = 50

func (a *app) printVerified(v bridge.Verified, o verifyOptions, failed error) error {
	doc := struct {
		OK          bool             `json:"ok"`
		Days        []dayJSON        `json:"days"`
		Differences []differenceJSON `json:"differences"`
		Repaired    int              `json:"repaired"`
		Requests    int              `json:"requests"`
	}{failed == nil, []dayJSON{}, []differenceJSON{}, v.Repaired, v.Requests}
	for _, d := range v.Days {
		doc.Days = append(doc.Days, dayJSON{d.Name, d.Kind, d.Day, compared(d.Dixa), d.Cache, compared(d.Plecto)})
	}
	for _, d := range v.Differences {
		doc.Differences = append(doc.Differences, differenceJSON{d.Name, d.ExternalID, d.Why})
	}
	return a.result(doc, func() error {
		if err := sums(v).filled().print(a.stdout); err != nil {
			return err
		}
		if days := dayTable(v.Days, o.allDays); len(days.rows) > 0 {
			fmt.Fprintln(a.stdout)
			if err := days.filled().print(a.stdout); err != nil {
				return err
			}
		}
		return a.printDifferences(v)
	})
}

// sums adds up the days of each source.
func sums(v bridge.Verified) table {
	t := table{header: []string{"SOURCE", "FROM", "TO", "DIXA", "CACHE", "PLECTO", "DIFFERENCES"}, right: []int{3, 4, 5, 6}}
	differences := map[string]int{}
	for _, d := range v.Differences {
		differences[d.Name]++
	}
	for days := v.Days; len(days) > 0; {
		n := 0
		sum := bridge.Day{Name: days[0].Name, Dixa: -1, Plecto: -1}
		for ; n < len(days) && days[n].Name == sum.Name; n++ {
			sum.Dixa = plus(sum.Dixa, days[n].Dixa)
			sum.Cache += days[n].Cache
			sum.Plecto = plus(sum.Plecto, days[n].Plecto)
		}
		t.add(sum.Name, days[0].Day, days[n-1].Day, count(sum.Dixa), thousands(sum.Cache), count(sum.Plecto), thousands(differences[sum.Name]))
		days = days[n:]
	}
	return t
}

// plus adds counts of a side, either of which is negative where it was not compared.
func plus(a, b int) int {
	if b < 0 {
		return a
	}
	return max(a, 0) + b
}

// count shows a count of a side, and nothing where it was not compared.
func count(n int) string {
	if n < 0 {
		return ""
	}
	return thousands(n)
}

func dayTable(days []bridge.Day, all bool) table {
	t := table{header: []string{"DAY", "SOURCE", "DIXA", "CACHE", "PLECTO"}, right: []int{2, 3, 4}}
	for _, d := range days {
		agree := (d.Dixa < 0 || d.Dixa == d.Cache) && (d.Plecto < 0 || d.Plecto == d.Cache)
		if all || !agree {
			t.add(d.Day, d.Name, count(d.Dixa), thousands(d.Cache), count(d.Plecto))
		}
	}
	return t
}

func (a *app) printDifferences(v bridge.Verified) error {
	if len(v.Differences) == 0 {
		_, err := fmt.Fprintf(a.stdout, "\nNothing differs (%s).\n", counted(v.Requests, "request"))
		return err
	}
	t := table{header: []string{"SOURCE", "EXTERNAL ID", "WHY"}}
	for i, d := range v.Differences {
		if i == differencesShown {
			break
		}
		t.add(d.Name, d.ExternalID, d.Why)
	}
	fmt.Fprintln(a.stdout)
	if err := t.print(a.stdout); err != nil {
		return err
	}
	if more := len(v.Differences) - differencesShown; more > 0 {
		fmt.Fprintf(a.stdout, "and %s more: --json has them all\n", thousands(more))
	}
	if v.Repaired > 0 {
		fmt.Fprintf(a.stdout, "\nMade pending: %s; `dixa2plecto push` sends what is pending.\n", counted(v.Repaired, "registration"))
	}
	return nil
}
