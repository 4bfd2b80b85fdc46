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
	c := a.command(&cobra.Command{
		Use:   "push",
		Short: "Send what is pending to Plecto",
		Long: `Send every registration that is not, as it would be made now, the one that
Plecto last accepted. Where Plecto refuses a batch, it is halved until the
guilty registration stands alone; that one is rejected with Plecto's words, the
others go on, and the command ends with code 3.`,
		Example: `  dixa2plecto push
  dixa2plecto push --source messages
  dixa2plecto push --retry-rejected`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
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
	p.add(c)
	_ = c.RegisterFlagCompletionFunc("source", a.completeSources)
	return c
}
