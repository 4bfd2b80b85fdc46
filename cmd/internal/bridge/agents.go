package bridge

import (
	"cmp"
	"context"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// refreshAgents reads the organisation's agents into the cache: an exported message names its author by e-mail only.
// Without the list, messages go to the people known already and the rest to the stand-in, so that trouble that lasts is
// a warning.
func (b *Bridge) refreshAgents(ctx context.Context) {
	p := patience{limit: b.Patience}
	progress := func() Progress { return Progress{Flow: "import", Name: "agents"} }
	for key := ""; ; {
		var page []dixa.Agent
		var next string
		err := b.ask(ctx, b.Limits.api(), &p, progress, func(ctx context.Context, _ ticket) (err error) {
			page, next, err = b.Dixa.Agents(ctx, key)
			return err
		})
		if err == nil {
			err = b.Store.SaveAgents(context.WithoutCancel(ctx), agents(page), true)
		}
		if err != nil {
			b.Log.Warn("the agents were not read: messages of people not known yet are put under "+StandIn, "error", err)
			return
		}
		if next == "" {
			return
		}
		key = next
	}
}

func agents(page []dixa.Agent) []store.Agent {
	var all []store.Agent
	for _, a := range page {
		if one, ok := agent(a); ok {
			all = append(all, one)
		}
	}
	return all
}

// agent returns an agent as the cache keeps one; ok is false where there is no id.
func agent(a dixa.Agent) (one store.Agent, ok bool) {
	one = store.Agent{ID: a.ID, Name: cmp.Or(a.DisplayName, a.Email, a.ID)}
	for _, email := range append([]string{a.Email}, a.AdditionalEmails...) {
		if email = normal(email); email != "" {
			one.Emails = append(one.Emails, email)
		}
	}
	return one, a.ID != ""
}

// normal is how e-mails are compared: people write them in any case.
func normal(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
