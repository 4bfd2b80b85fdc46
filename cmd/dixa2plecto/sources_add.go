package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// choiceFlags say what a source makes of a record.
type choiceFlags struct {
	name, fields, date, member string
}

func (f *choiceFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "name of the source (default the kind, then with a number)")
	c.Flags().StringVar(&f.fields, "fields", "", "fields by key, with commas: all there are to be, or +KEY and -KEY to change the usual ones; globs, custom:IDENTIFIER")
	c.Flags().StringVar(&f.date, "date-field", "", "the time that is the registration's date, by key (default created_at)")
	c.Flags().StringVar(&f.member, "member", "", "whom registrations belong to: assignee, author or none (default assignee for conversations, else author)")
	_ = c.RegisterFlagCompletionFunc("member", cobra.FixedCompletions([]string{bridge.Assignee, bridge.Author, bridge.Nobody}, cobra.ShellCompDirectiveNoFileComp))
	c.ValidArgsFunction = cobra.FixedCompletions(bridge.Kinds(), cobra.ShellCompDirectiveNoFileComp)
}

// over returns what was chosen with the flags given, and else what was chosen before; nil where none is given.
func (f *choiceFlags) over(c *cobra.Command, before, now store.Choice) *store.Choice {
	given := false
	set := func(flag string, take func()) {
		if c.Flags().Changed(flag) {
			given = true
			take()
		}
	}
	set("fields", func() { before.Keys = now.Keys })
	set("date-field", func() { before.DateField = now.DateField })
	set("member", func() { before.Member = now.Member })
	if !given {
		return nil
	}
	return &before
}

// choice reads the flags, and warns where personal data is to leave the house.
func (f *choiceFlags) choice(ctx context.Context, b *bridge.Bridge, kind string) (store.Choice, error) {
	choice, err := b.ParseChoice(ctx, kind, f.fields, f.date, f.member)
	if err == nil {
		if personal := bridge.PersonalOf(kind, choice.Keys); len(personal) > 0 {
			b.Log.Warn("personal data goes to Plecto", "fields", personal)
		}
	}
	return choice, err
}

func (a *app) sourcesAddCommand() *cobra.Command {
	var f choiceFlags
	var p patienceFlags
	var title string
	c := &cobra.Command{
		Use:   "add KIND",
		Short: "Create a data source in Plecto with all its fields, and push a kind of record to it",
		Long: `Create a data source in Plecto with all fields that it is to have, since Plecto
takes no more of them later, and make it the place where records of a kind go.
KIND is ` + strings.Join(bridge.Kinds(), ", ") + `. Run again it finds the first; another --title
makes another one.

Personal data of customers and the texts of messages go to Plecto only where
--fields names them, each by its own key. ` + "`sources show`" + ` tells what each field is.`,
		Example: `  dixa2plecto sources add conversations
  dixa2plecto sources add conversations --title "Closed in Dixa" --date-field closed_at --fields status,queue_name,close_seconds
  dixa2plecto sources add messages --fields=-duration,+tags`,
		Args: cobra.ExactArgs(1),
	}
	a.command(c, func(ctx context.Context, args []string) error {
		var choice store.Choice
		// What is asked for is read before credentials are.
		err := a.withBridge(ctx, 0, p, func(ctx context.Context, b *bridge.Bridge) (err error) {
			choice, err = f.choice(ctx, b, args[0])
			return err
		})
		if err != nil {
			return err
		}
		return a.withBridge(ctx, needPlecto|needLock, p, func(ctx context.Context, b *bridge.Bridge) error {
			done, err := b.Add(ctx, bridge.AddOptions{Kind: args[0], Name: f.name, Title: title, Choice: choice})
			if err != nil {
				return err
			}
			return a.printAdded(done)
		})
	})
	c.Flags().StringVar(&title, "title", "", "title of the data source in Plecto (default \"Dixa KIND\")")
	f.add(c)
	p.add(c)
	return c
}

func (a *app) printAdded(done bridge.Added) error {
	src := done.Source
	return a.result(struct {
		OK    bool `json:"ok"`
		Added bool `json:"added"`
		sourceJSON
		AsText []string `json:"as_text"`
	}{true, !done.InCache, sourceOf(src), append([]string{}, src.AsText...)}, func() error {
		text := fmt.Sprintf("is added: data source %q, %s, has %s", plain(src.Title), src.UUID, counted(len(src.Keys), "field"))
		switch {
		case done.InCache:
			text = fmt.Sprintf("is there already: data source %q, %s", plain(src.Title), src.UUID)
		case done.Found:
			text = fmt.Sprintf("is added: data source %q, %s, was in Plecto already with all its fields", plain(src.Title), src.UUID)
		}
		if len(src.AsText) > 0 {
			text += fmt.Sprintf("; as text, since Plecto takes no other type: %s", strings.Join(src.AsText, ", "))
		}
		_, err := fmt.Fprintf(a.stdout, "Source %s (%s) %s.\n", src.Name, src.Kind, text)
		return err
	})
}

func (a *app) sourcesLinkCommand() *cobra.Command {
	var f choiceFlags
	c := &cobra.Command{
		Use:   "link KIND UUID",
		Short: "Push a kind of record to a data source that exists in Plecto",
		Long: `Make a data source that exists in Plecto the place where records of a kind go.
KIND is ` + strings.Join(bridge.Kinds(), ", ") + `; the UUID stands in the data source's address in
Plecto, with dashes or without. Nobody is asked, and the same link again changes
nothing but what --fields, --date-field and --member say. The first push compares
the fields with those of the data source, where Plecto shows them.`,
		Example: `  dixa2plecto sources link conversations 0123456789abcdef0123456789abcdef
  dixa2plecto sources link messages 01234567-89ab-cdef-0123-456789abcdee --name replies`,
		Args: cobra.ExactArgs(2),
	}
	a.command(c, func(ctx context.Context, args []string) error {
		return a.withBridge(ctx, 0, patienceFlags{}, func(ctx context.Context, b *bridge.Bridge) error {
			now, err := f.choice(ctx, b, args[0])
			if err != nil {
				return err
			}
			before, err := b.Linked(ctx, args[1])
			if err != nil {
				return err
			}
			choice := f.over(c, before.Choice, now)
			src, added, err := b.Link(ctx, args[0], args[1], f.name, choice)
			if err != nil {
				return err
			}
			return a.printLinked(src, added, choice != nil)
		})
	})
	f.add(c)
	return c
}

func (a *app) printLinked(src store.Source, added, chosen bool) error {
	missing := append([]string{}, bridge.Missing(src)...)
	return a.result(struct {
		OK    bool `json:"ok"`
		Added bool `json:"added"`
		sourceJSON
		Missing []string `json:"missing"`
	}{true, added, sourceOf(src), missing}, func() error {
		text := "is linked already"
		switch {
		case added:
			text = "is linked"
		case chosen:
			text = "now has the fields, date and member that were named; it is linked"
		}
		_, err := fmt.Fprintf(a.stdout, "Source %s (%s) %s to data source %s.\n", src.Name, src.Kind, text, src.UUID)
		if len(missing) > 0 {
			_, err = fmt.Fprintf(a.stdout, "The data source lacks, and does not get: %s.\n", strings.Join(missing, ", "))
		}
		return err
	})
}
