package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

type importOptions struct {
	patienceFlags
	from, to, tz string
	kinds        []string
	restart      bool
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	c := a.command(&cobra.Command{
		Use:   "import --from D [--to D]",
		Short: "Fetch a range from Dixa into the cache",
		Long: `Fetch every conversation, message and activity created in a range into the cache.

D is a day (2026-01-31, today, yesterday, -30d), whole in the zone of --tz and
with --to included, or an instant (2026-01-31T08:00:00Z), with --to excluded.
Without --to the range reaches up to now. It is cut into windows of at most 30
days, because Dixa refuses more than 31. An unfinished import of the same range
goes on with the windows that are left.`,
		Example: `  dixa2plecto import --from 2026-01-01
  dixa2plecto import --from -90d --to yesterday --kind messages
  dixa2plecto import --from 2026-03-01 --to 2026-03-31 --tz Europe/Copenhagen --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return a.runImport(ctx, o) })
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "first day or instant to fetch")
	f.StringVar(&o.to, "to", "", "last day to fetch, or the instant to end before (default now)")
	f.StringSliceVar(&o.kinds, "kind", nil, "kinds to fetch: "+strings.Join(bridge.Kinds(), ", ")+" (default those that have a source, else conversations and messages)")
	f.BoolVar(&o.restart, "restart", false, "begin again where an unfinished import could go on")
	f.StringVar(&o.tz, "tz", "UTC", "time zone of days, for example Europe/Copenhagen")
	o.add(c)
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(bridge.Kinds(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) runImport(ctx context.Context, o importOptions) error {
	zone, err := parseZone(o.tz)
	if err != nil {
		return err
	}
	r, err := parseRange(o.from, o.to, time.Now(), zone)
	if err != nil {
		return err
	}
	if r.Kinds, err = parseKinds(o.kinds); err != nil {
		return err
	}
	r.Restart = o.restart
	return a.withBridge(ctx, needDixa|needLock, o.patienceFlags, func(ctx context.Context, b *bridge.Bridge) error {
		imported, err := b.Import(ctx, r)
		if imported == nil {
			return err
		}
		return errors.Join(err, a.printRuns(imported, nil, err))
	})
}

func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, usagef("--tz %q is not a time zone like UTC or Europe/Copenhagen", name)
	}
	return zone, nil
}

// parseKinds returns the kinds named, each once and in the order in which they are shown.
func parseKinds(names []string) ([]string, error) {
	for _, name := range names {
		if !slices.Contains(bridge.Kinds(), strings.TrimSpace(name)) {
			return nil, usagef("--kind %q: there are only %s", name, strings.Join(bridge.Kinds(), ", "))
		}
	}
	return slices.DeleteFunc(bridge.Kinds(), func(kind string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return strings.TrimSpace(name) == kind })
	}), nil
}
