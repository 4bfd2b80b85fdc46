package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func (a *app) syncCommand() *cobra.Command {
	var p patienceFlags
	var o bridge.PushOptions
	c := a.command(&cobra.Command{
		Use:   "sync",
		Short: "Import what changed and push it, for cron",
		Long: `Import what changed since the last time, and push it. What was pending before
goes out first, so that it does not wait behind a limit of Dixa's.

The first time it fetches the last 30 days; after an import it goes on from the
moment that import began.`,
		Example: `  dixa2plecto sync
  */15 * * * * dixa2plecto sync --quiet --max-duration 14m`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		return a.withBridge(ctx, needDixa|needPlecto|needLock, p, func(ctx context.Context, b *bridge.Bridge) error {
			imported, pushed, err := b.Sync(ctx, o)
			if imported == nil && pushed == nil {
				return err
			}
			return errors.Join(err, a.printRuns(imported, pushed, err))
		})
	})
	addPushFlags(c, &o)
	p.add(c)
	return c
}
