package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func (a *app) eraseCommand() *cobra.Command {
	var e bridge.Erasure
	var p patienceFlags
	var yes bool
	c := a.command(&cobra.Command{
		Use:   "erase --csid N | --requester EMAIL",
		Short: "Remove the content of conversations from the cache and from Plecto",
		Long: `Remove what conversations and all their messages and activities say, and whose
they are, from the cache file itself and from Plecto, where their registrations are
overwritten. What counts and times remains and stays current. A later import does
not bring the content back. It cannot be undone. The file is made anew for it, which
takes twice its size in free space.

The same happens by itself to a conversation that Dixa has anonymized, when the next
import or sync sees that; a cache file over 256 MiB is then made anew once a day.`,
		Example: `  dixa2plecto erase --csid 46213
  dixa2plecto erase --requester customer@example.com --yes --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return a.runErase(ctx, e, p, yes) })
	c.Flags().Int64SliceVar(&e.CSIDs, "csid", nil, "number of a conversation; repeats and takes commas")
	c.Flags().StringVar(&e.Requester, "requester", "", "e-mail of a customer, all of whose conversations are meant")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&e.NoMembers, "no-members", false, "do not tell Plecto of agents with their e-mails")
	p.add(c)
	return c
}

func (a *app) runErase(ctx context.Context, e bridge.Erasure, p patienceFlags, yes bool) error {
	if len(e.CSIDs) == 0 && e.Requester == "" {
		return usagef("nothing to erase: name conversations with --csid, or a customer with --requester")
	}
	for _, csid := range e.CSIDs {
		if csid <= 0 {
			return usagef("--csid %d is no number of a conversation", csid)
		}
	}
	if e.Requester != "" {
		address, err := mail.ParseAddress(e.Requester)
		if err != nil || address.Name != "" {
			return usagef("--requester is not an e-mail like customer@example.com")
		}
		e.Requester = address.Address
	}
	needs := needLock
	err := a.withBridge(ctx, 0, p, func(ctx context.Context, b *bridge.Bridge) error {
		sources, err := b.Store.Sources(ctx)
		if err != nil {
			return err
		}
		if len(sources) > 0 {
			needs |= needPlecto
		}
		if yes {
			return nil
		}
		found, err := b.FindErased(ctx, e)
		if err != nil {
			return err
		}
		return a.confirm(ctx, fmt.Sprintf("Erase the content of %s, here and in %s of Plecto, for good?", countErased(found), counted(len(sources), "source")))
	})
	if err != nil {
		return err
	}
	return a.withBridge(ctx, needs, p, func(ctx context.Context, b *bridge.Bridge) error {
		done, err := b.Erase(ctx, e)
		if done.Records == nil {
			return err
		}
		return errors.Join(err, a.printErased(done, err))
	})
}

// confirm asks on the terminal, and fails where there is none or the answer is not yes.
func (a *app) confirm(ctx context.Context, question string) error {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return hinted{usagef("this cannot be undone, and standard input is not a terminal to ask on"), "with --yes it is not asked"}
	}
	a.watch.close()
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer, err := unlessDone(ctx, func() (string, error) { return bufio.NewReader(f).ReadString('\n') })
	if err != nil {
		fmt.Fprintln(a.stderr)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return usagef("nothing was erased")
}

// countErased says what an erasure is about.
func countErased(e bridge.Removed) string {
	text := counted(len(e.CSIDs), "conversation")
	var here []string
	for _, kind := range bridge.Kinds() {
		here = append(here, thousands(e.Records[kind])+" "+kind)
	}
	return text + " (in the cache: " + strings.Join(here, ", ") + ")"
}

func (a *app) printErased(e bridge.Removed, failed error) error {
	doc := struct {
		OK            bool           `json:"ok"`
		Conversations []int64        `json:"conversations"`
		Cache         map[string]int `json:"cache"`    // records by kind, and elements set aside
		Scrubbed      map[string]int `json:"scrubbed"` // of these records, those that had content until now
		Sources       []pushedJSON   `json:"sources"`
	}{failed == nil, append([]int64{}, e.CSIDs...), map[string]int{"aside": e.Aside}, map[string]int{}, []pushedJSON{}}
	t := table{header: []string{"WHERE", "KIND", "ERASED", "ALREADY", "REQUESTS"}, right: []int{2, 3, 4}}
	for _, kind := range bridge.Kinds() {
		doc.Cache[kind], doc.Scrubbed[kind] = e.Records[kind], e.Scrubbed[kind]
		t.add("cache", kind, thousands(e.Scrubbed[kind]), thousands(e.Records[kind]-e.Scrubbed[kind]), "")
	}
	if e.Aside > 0 {
		t.add("cache", "set aside", thousands(e.Aside), "", "")
	}
	for _, p := range e.Sources {
		doc.Sources = append(doc.Sources, pushedOf(p))
		t.add("Plecto: "+p.Source.Name, p.Source.Kind, thousands(p.Sent), thousands(p.Unchanged), thousands(p.Requests))
	}
	return a.result(doc, func() error {
		fmt.Fprintf(a.stdout, "%s\n\n", outcome(e, failed))
		return t.print(a.stdout)
	})
}

// outcome says what became of an erasure.
func outcome(e bridge.Removed, failed error) string {
	records := 0
	for _, n := range e.Records {
		records += n
	}
	conversations := counted(len(e.CSIDs), "conversation")
	switch {
	case failed != nil:
		return "Of " + conversations + ", not all content is erased everywhere yet: the same command does the rest."
	case len(e.CSIDs) == 0:
		return "The cache has no conversation of that customer. Any from before this moment comes without content."
	case records == 0:
		return "The cache has nothing of " + conversations + ": what comes later comes without content, and Plecto is reached then."
	}
	return "The content of " + conversations + " is erased; what comes later comes without."
}
