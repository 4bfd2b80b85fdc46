package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func (a *app) pushCommand() *cobra.Command {
	var p patienceFlags
	var o bridge.PushOptions
	var dryRun bool
	c := a.command(&cobra.Command{
		Use:   "push",
		Short: "Send what is pending to Plecto",
		Long: `Send every registration that is not, as it would be made now, the one that
Plecto last accepted. Where Plecto refuses a batch, it is halved until the
guilty registration stands alone; that one is rejected with Plecto's words, the
others go on, and the command ends with code 3.

Before an agent's first registration Plecto is told of the agent with the e-mail,
by which it merges people for good. --dry-run shows what would happen, new members
included, and sends nothing.`,
		Example: `  dixa2plecto push
  dixa2plecto push --dry-run
  dixa2plecto push --source messages
  dixa2plecto push --retry-rejected`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		if dryRun {
			return a.withBridge(ctx, needPlecto, p, func(ctx context.Context, b *bridge.Bridge) error {
				plans, err := b.Plan(ctx, o)
				if err != nil {
					return err
				}
				return a.printPlan(plans)
			})
		}
		return a.withBridge(ctx, needPlecto|needLock, p, func(ctx context.Context, b *bridge.Bridge) error {
			pushed, err := b.Push(ctx, o)
			if pushed == nil {
				return err
			}
			return errors.Join(err, a.printRuns(nil, pushed, err))
		})
	})
	c.Flags().StringVar(&o.Source, "source", "", "push to one source only")
	c.Flags().BoolVar(&o.RetryRejected, "retry-rejected", false, "send rejected registrations again")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "send nothing, and show what would be sent")
	addPushFlags(c, &o)
	p.add(c)
	_ = c.RegisterFlagCompletionFunc("source", a.completeSources)
	return c
}

// addPushFlags adds the flags of commands that push.
func addPushFlags(c *cobra.Command, o *bridge.PushOptions) {
	c.Flags().BoolVar(&o.NoMembers, "no-members", false, "do not tell Plecto of agents with their e-mails")
	c.Flags().StringVar(&o.ConfirmTarget, "confirm-target", "", "name of a source that is meant to be another data source than before, and gets everything anew")
}
