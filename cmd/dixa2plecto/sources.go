package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

func (a *app) sourcesCommand() *cobra.Command {
	c := &cobra.Command{Use: "sources", Short: "Choose which data sources of Plecto to push to",
		Example: `  dixa2plecto sources link conversations 0123456789abcdef0123456789abcdef
  dixa2plecto sources list`}
	return a.group(c, a.sourcesLinkCommand(), a.sourcesListCommand(), a.sourcesShowCommand(), a.sourcesRemoveCommand())
}

type sourceJSON struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	UUID  string `json:"uuid"`
	Title string `json:"title"`
}

func sourceOf(s store.Source) sourceJSON { return sourceJSON{s.Name, s.Kind, s.UUID, s.Title} }

func (a *app) sourcesLinkCommand() *cobra.Command {
	var name string
	c := a.command(&cobra.Command{
		Use:   "link KIND UUID",
		Short: "Push a kind of record to a data source that exists in Plecto",
		Long: `Make a data source that exists in Plecto the place where records of a kind go.
KIND is ` + strings.Join(bridge.Kinds(), " or ") + `; the UUID stands in the data source's address in
Plecto, with dashes or without. Nobody is asked, and the same link again changes nothing.`,
		Example: `  dixa2plecto sources link conversations 0123456789abcdef0123456789abcdef
  dixa2plecto sources link messages 01234567-89ab-cdef-0123-456789abcdee --name replies`,
		Args: cobra.ExactArgs(2),
	}, func(ctx context.Context, args []string) error {
		return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			src, added, err := b.Link(ctx, args[0], args[1], name)
			if err != nil {
				return err
			}
			return a.result(struct {
				OK    bool `json:"ok"`
				Added bool `json:"added"`
				sourceJSON
			}{true, added, sourceOf(src)}, func() error {
				text := "is linked already"
				if added {
					text = "is linked"
				}
				_, err := fmt.Fprintf(a.stdout, "Source %s (%s) %s to data source %s.\n", src.Name, src.Kind, text, src.UUID)
				return err
			})
		})
	})
	c.Flags().StringVar(&name, "name", "", "name of the source (default the kind, then with a number)")
	c.ValidArgsFunction = cobra.FixedCompletions(bridge.Kinds(), cobra.ShellCompDirectiveNoFileComp)
	return c
}

func (a *app) sourcesListCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "list",
		Short: "List the sources",
		Example: `  dixa2plecto sources list
  dixa2plecto sources list --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			sources, err := b.Store.Sources(ctx)
			if err != nil {
				return err
			}
			doc := struct {
				OK      bool         `json:"ok"`
				Sources []sourceJSON `json:"sources"`
			}{true, []sourceJSON{}}
			t := table{header: []string{"SOURCE", "KIND", "DATA SOURCE", "TITLE"}}
			for _, s := range sources {
				doc.Sources = append(doc.Sources, sourceOf(s))
				t.add(s.Name, s.Kind, s.UUID, s.Title)
			}
			return a.result(doc, func() error {
				if len(sources) == 0 {
					_, err := fmt.Fprintln(a.stdout, "No source yet: dixa2plecto sources link KIND UUID")
					return err
				}
				return t.print(a.stdout)
			})
		})
	})
}

type fieldJSON struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	From   string `json:"from"`
	Sample any    `json:"sample"`
}

func (a *app) sourcesShowCommand() *cobra.Command {
	c := a.command(&cobra.Command{
		Use:   "show NAME",
		Short: "Show the fields of a source, what they are made of, and a sample",
		Example: `  dixa2plecto sources show conversations
  dixa2plecto sources show messages --json`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, args []string) error {
		return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			src, err := b.Store.Source(ctx, args[0])
			if err != nil {
				return noSuchSource(err, args[0])
			}
			sample, err := b.Sample(ctx, src)
			if err != nil {
				return err
			}
			doc := struct {
				OK bool `json:"ok"`
				sourceJSON
				Fields []fieldJSON `json:"fields"`
			}{OK: true, sourceJSON: sourceOf(src)}
			t := table{header: []string{"FIELD", "TITLE IN PLECTO", "TYPE", "MADE OF", "SAMPLE"}}
			for _, f := range sample {
				value := f.Value
				if when, ok := value.(time.Time); ok {
					value = instant(when)
				}
				doc.Fields = append(doc.Fields, fieldJSON{f.Key, f.Title, string(f.Type), f.From, value})
				text := ""
				if value != nil {
					text = fmt.Sprint(value)
				}
				t.add(f.Key, f.Title, string(f.Type), f.From, text)
			}
			return a.result(doc, func() error {
				fmt.Fprintf(a.stdout, "Source %s (%s), data source %s, %s\n\n", src.Name, src.Kind, src.UUID, plain(src.Title))
				return t.print(a.stdout)
			})
		})
	})
	c.ValidArgsFunction = a.completeSources
	return c
}

func (a *app) sourcesRemoveCommand() *cobra.Command {
	c := a.command(&cobra.Command{
		Use:   "remove NAME",
		Short: "Stop pushing to a source",
		Long: `Forget a source and what Plecto said of its registrations. The data source and its
registrations stay in Plecto, and the records stay in the cache.`,
		Example: `  dixa2plecto sources remove messages-2
  dixa2plecto sources remove conversations --json`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, args []string) error {
		return a.withBridge(ctx, needLock, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			src, err := b.Store.Source(ctx, args[0])
			if err != nil {
				return noSuchSource(err, args[0])
			}
			if err := b.Store.RemoveSource(ctx, src); err != nil {
				return err
			}
			return a.result(struct {
				OK bool `json:"ok"`
				sourceJSON
			}{true, sourceOf(src)}, func() error {
				_, err := fmt.Fprintf(a.stdout, "Source %s is removed; its registrations stay in Plecto.\n", src.Name)
				return err
			})
		})
	})
	c.ValidArgsFunction = a.completeSources
	return c
}

func noSuchSource(err error, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return hinted{usagef("there is no source %q", name), "see `dixa2plecto sources list`"}
}

// completeSources offers the names of the sources in the cache, if there is one; it asks nobody and says nothing else.
func (a *app) completeSources(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	cfg, err := a.config()
	if err != nil {
		return nil, directive
	}
	s, err := openExisting(cmd.Context(), cfg.db)
	if err != nil {
		return nil, directive
	}
	defer s.Close()
	sources, _ := s.Sources(cmd.Context())
	names := make([]string, len(sources))
	for i, one := range sources {
		names[i] = one.Name
	}
	return names, directive
}
