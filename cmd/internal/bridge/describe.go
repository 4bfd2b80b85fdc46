package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// ErrElsewhere: under a source's UUID, Plecto now has another data source than before.
var ErrElsewhere = errors.New("it is another data source than before")

// ErrGone: Plecto has no data source of that UUID any more.
var ErrGone = errors.New("the data source is not in Plecto")

// describe learns from Plecto what a data source has, and keeps it.
func (p *pusher) describe(ctx context.Context) error {
	src, anew, err := p.look(ctx)
	if err != nil || src.Account == "" {
		return err
	}
	if anew {
		if err := p.Store.Restart(ctx, src); err != nil {
			return err
		}
		src.Place, src.Mapping, src.Accepted = 0, "", 0
	}
	p.tally.Source = src
	return p.Store.Describe(ctx, src)
}

// look asks Plecto which fields a data source has: once, again as long as it lacks some, and where the account is another
// than the last time. It returns the source with what Plecto tells, or none where there is nothing to learn; anew says
// that the data source is another one, as was confirmed, which has nothing of what was sent. What Plecto does not tell is
// assumed: where it shows fields is not documented.
func (p *pusher) look(ctx context.Context) (src store.Source, anew bool, err error) {
	if p.described() {
		return src, false, nil
	}
	now, account, moved := p.tally.Source, p.account(), p.moved()
	var trying patience
	if moved {
		trying = p.patience
	}
	shown, err := p.dataSource(ctx, now.UUID, trying, p.progress)
	if ctx.Err() != nil {
		return src, false, context.Cause(ctx)
	}
	if loginRefused(err) || moved && temporary(err) { // where it may be another one, nothing is assumed
		return src, false, err
	}
	if temporary(err) {
		p.Log.Debug("the data source's fields are assumed", "source", now.Name, "error", err)
		return src, false, nil
	}
	told := err == nil && (shown.UUID == "" || shown.UUID == now.UUID)
	if anew = moved && p.ConfirmTarget == now.Name; moved && !anew {
		known := len(now.Fields) > 0 // it was shown before
		switch {
		case told && shown.Title != "" && shown.Title != now.Title:
			return src, false, fmt.Errorf("%w: with another address or login of Plecto, %s is %q there, and was %q", ErrElsewhere, now.UUID, shown.Title, now.Title)
		case known && !told:
			cause := cmp.Or(err, errors.New("another one is shown"))
			return src, false, fmt.Errorf("%w: with another address or login of Plecto, %s (%q) is not shown: %w", ErrElsewhere, now.UUID, now.Title, cause)
		}
	}
	if told || moved || now.Fields == nil {
		now.Fields = append([]string{}, shown.Fields...) // none where it shows none
	}
	now.Account = account
	if told {
		now.Title = cmp.Or(shown.Title, now.Title)
	}
	if lacks := Missing(now); len(lacks) > 0 {
		p.Log.Warn("the data source lacks fields, which are left out: add them in Plecto under Data sources", "source", now.Name, "fields", lacks)
	}
	return now, anew, nil
}

// moved reports whether the account is another than the data source was last known in.
func (p *pusher) moved() bool {
	known := p.tally.Source.Account
	return known != "" && known != p.account()
}

// described reports whether there is nothing to ask of the data source.
func (p *pusher) described() bool {
	src := p.tally.Source
	return src.Account == p.account() && src.Fields != nil && len(Missing(src)) == 0
}

func (b *Bridge) dataSource(ctx context.Context, uuid string, trying patience, progress func() Progress) (shown plecto.DataSource, err error) {
	err = b.ask(ctx, b.Limits.plectoRest(), &trying, progress, func(ctx context.Context, _ ticket) (err error) {
		shown, err = b.Plecto.DataSource(ctx, uuid)
		return err
	})
	return shown, err
}

// gone looks whether everything is refused because the data source was deleted. It can tell only of one that Plecto has
// shown before.
func (p *pusher) gone(ctx context.Context, refusal error) error {
	if len(p.tally.Source.Fields) == 0 || ctx.Err() != nil {
		return refusal
	}
	if _, err := p.dataSource(ctx, p.tally.Source.UUID, patience{}, p.progress); errors.Is(err, plecto.ErrNotFound) {
		return fmt.Errorf("%w: it has shown %q (%s) before: %w", ErrGone, p.tally.Source.Title, p.tally.Source.UUID, refusal)
	}
	return refusal
}

// loginRefused tells a login that is not accepted from one that may not do this.
func loginRefused(err error) bool {
	e, ok := errors.AsType[*plecto.Error](err)
	return ok && e.Status == http.StatusUnauthorized
}

// account tells one Plecto account from another.
func (b *Bridge) account() string {
	if b.Plecto == nil {
		return ""
	}
	return b.Plecto.Account(b.Store.Connection())
}

// Missing returns the titles of the fields that a data source shows not to have. Where it shows none of ours, its names
// are not titles, and nothing can be said.
func Missing(src store.Source) []string {
	fields, err := chosen(src)
	if err != nil {
		return nil // which the mapping tells
	}
	var lacks []string
	for _, f := range fields {
		if !slices.Contains(src.Fields, f.Title) {
			lacks = append(lacks, f.Title)
		}
	}
	if len(lacks) == len(fields) {
		return nil
	}
	return lacks
}
