package bridge

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// agentsTime bounds the reading of the agents, without which an import can do.
const agentsTime = 15 * time.Second

// refreshAgents reads the organisation's agents into the cache: an exported message names its author by e-mail only.
// Without the list, messages go to the people known already and the rest to the stand-in, so that trouble is a warning.
func (b *Bridge) refreshAgents(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, agentsTime)
	defer cancel()
	var all []store.Agent
	for key := ""; ; {
		if _, err := b.spend(ctx, b.Limits.api(), Progress{Flow: "import", Name: "agents"}); err != nil {
			b.Log.Warn("the agents were not read", "error", err)
			return
		}
		page, next, err := b.Dixa.Agents(ctx, key)
		if err != nil {
			b.Log.Warn("the agents were not read: messages of people not known yet are put under "+StandIn, "error", err)
			return
		}
		for _, a := range page {
			if one, ok := agent(a); ok {
				all = append(all, one)
			}
		}
		if next == "" {
			break
		}
		key = next
	}
	if err := b.Store.SaveAgents(ctx, all, true); err != nil {
		b.Log.Warn("the agents were not saved", "error", err)
	}
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
