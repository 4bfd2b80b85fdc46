package main

import (
	"cmp"
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
  dixa2plecto sources add messages --title "Dixa replies"
  dixa2plecto sources list`}
	return a.group(c, a.sourcesAddCommand(), a.sourcesLinkCommand(), a.sourcesListCommand(), a.sourcesShowCommand(), a.sourcesRemoveCommand())
}

type sourceJSON struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	UUID  string `json:"uuid"`
	Title string `json:"title"`
}

func sourceOf(s store.Source) sourceJSON { return sourceJSON{s.Name, s.Kind, s.UUID, s.Title} }

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
					_, err := fmt.Fprintln(a.stdout, "No source yet: dixa2plecto sources add KIND, or sources link KIND UUID")
					return err
				}
				return t.print(a.stdout)
			})
		})
	})
}

type fieldJSON struct {
	Key      string `json:"key"`
	Title    string `json:"title"`
	Type     string `json:"type"`
	From     string `json:"from"` // its definition
	Personal bool   `json:"personal"`
	AsText   bool   `json:"as_text"`
	Missing  bool   `json:"missing"`
	Sample   any    `json:"sample"`
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
			return a.printSource(src, sample)
		})
	})
	c.ValidArgsFunction = a.completeSources
	return c
}

func (a *app) printSource(src store.Source, sample []bridge.SampleField) error {
	date, member := cmp.Or(src.DateField, "created_at"), cmp.Or(src.Member, bridge.MembersOf(src.Kind)[0])
	doc := struct {
		OK bool `json:"ok"`
		sourceJSON
		DateField string      `json:"date_field"`
		Member    string      `json:"member"`
		Fields    []fieldJSON `json:"fields"`
	}{true, sourceOf(src), date, member, []fieldJSON{}}
	t := table{header: []string{"FIELD", "TITLE IN PLECTO", "TYPE", "SAMPLE", "DEFINITION"}}
	var missing []string
	for _, f := range sample {
		value, kind := jsonValue(f.Value), string(f.Type)
		doc.Fields = append(doc.Fields, fieldJSON{f.Key, f.Title, kind, f.Definition, f.Personal, f.AsText, f.Missing, value})
		if f.AsText {
			kind += ", as text"
		}
		if f.Missing {
			missing = append(missing, f.Title)
		}
		t.add(f.Key, f.Title, kind, shown(value), f.Definition)
	}
	return a.result(doc, func() error {
		fmt.Fprintf(a.stdout, "Source %s (%s), data source %s, %s\nDate: %s, member: %s\n\n", src.Name, src.Kind, src.UUID, plain(src.Title), date, member)
		if err := t.print(a.stdout); err != nil || len(missing) == 0 {
			return err
		}
		_, err := fmt.Fprintf(a.stdout, "\nThe data source lacks, and does not get: %s. Add them in Plecto under Data sources.\n", strings.Join(missing, ", "))
		return err
	})
}

// jsonValue is a field's value as a JSON document carries it.
func jsonValue(value any) any {
	if when, ok := value.(time.Time); ok {
		return instant(when)
	}
	return value
}

// shown is a field's value for people, cut where it is long.
func shown(value any) string {
	if value == nil {
		return ""
	}
	text := []rune(fmt.Sprint(value))
	if len(text) > 40 {
		text = append(text[:39], '…')
	}
	return string(text)
}

func (a *app) sourcesRemoveCommand() *cobra.Command {
	c := a.command(&cobra.Command{
		Use:   "remove NAME",
		Short: "Stop pushing to a source",
		Long: `Forget a source and what Plecto said of its registrations. The data source and its
registrations stay in Plecto, where ` + "`erase`" + ` does not reach them any more, and the
records stay in the cache.`,
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
				_, err := fmt.Fprintf(a.stdout, "Source %s is removed; its registrations stay in Plecto, where erase does not reach them any more.\n", src.Name)
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
