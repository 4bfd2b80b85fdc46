package bridge

import (
	"context"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// Limits are the requests allowed of each endpoint; 0 lifts one.
type Limits struct {
	ConversationExportsPerMinute int
	MessageExportsPerMinute      int
	DixaAPIRequestsPerSecond     int
	PlectoRequestsPerHour        int // for registrations, and again for all else
}

// DefaultLimits are those documented or observed.
// https://docs.dixa.io/docs/api-standards-rules, https://docs.plecto.com/kb/guide/en/api-limits-vFN7INmk9g/Steps/
func DefaultLimits() Limits {
	return Limits{ConversationExportsPerMinute: 10, MessageExportsPerMinute: 3, DixaAPIRequestsPerSecond: 10, PlectoRequestsPerHour: 3600}
}

// kind is the budget that records of a kind are asked for from.
func (l Limits) kind(kind string) store.Budget {
	switch kind {
	case string(dixa.Messages):
		return store.Budget{Name: "message exports", Limit: l.MessageExportsPerMinute, Per: time.Minute}
	case string(dixa.Activities):
		return l.api()
	}
	return store.Budget{Name: "conversation exports", Limit: l.ConversationExportsPerMinute, Per: time.Minute}
}

// api allows no more than four at once. https://docs.dixa.io/docs/api-standards-rules
func (l Limits) api() store.Budget {
	return store.Budget{Name: "Dixa API", Limit: l.DixaAPIRequestsPerSecond, Per: time.Second, Burst: 4}
}

func (l Limits) registrations() store.Budget {
	return store.Budget{Name: "Plecto registrations", Limit: l.PlectoRequestsPerHour, Per: time.Hour}
}

func (l Limits) plectoRest() store.Budget {
	return store.Budget{Name: "Plecto, other", Limit: l.PlectoRequestsPerHour, Per: time.Hour}
}

func (l Limits) all() []store.Budget {
	return []store.Budget{l.kind("conversations"), l.kind("messages"), l.api(), l.registrations(), l.plectoRest()}
}

// A ticket is one request taken from a budget.
type ticket struct {
	request int64
	at      time.Time
}

// spend takes one request from a budget, and waits for it as long as it takes.
func (b *Bridge) spend(ctx context.Context, budget store.Budget, progress func() Progress) (ticket, error) {
	budget.Live = b.live
	for {
		request, when, err := b.Store.Spend(ctx, budget)
		if ctx.Err() != nil && request == 0 {
			return ticket{}, context.Cause(ctx)
		}
		if err != nil || request != 0 {
			return ticket{request, when}, err
		}
		if err := b.wait(ctx, when, "the limit of "+budget.Name, progress); err != nil {
			return ticket{}, err
		}
	}
}

// remaining returns how many requests a budget has left just now, -1 where it is lifted.
func (b *Bridge) remaining(ctx context.Context, budget store.Budget) int {
	if budget.Limit <= 0 {
		return -1
	}
	used, _, err := b.Store.Used(ctx, budget)
	if err != nil {
		return 0
	}
	return max(budget.Limit-used, 0)
}

// least returns how long a budget makes some requests take at the least, when it has left some.
func least(budget store.Budget, left, requests int) time.Duration {
	if budget.Limit <= 0 || requests <= left {
		return 0
	}
	return time.Duration((requests-left+budget.Limit-1)/budget.Limit) * budget.Per
}
