package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// Check tells whether one service accepts the credentials.
type Check struct {
	Service string // Dixa API, Dixa exports, Plecto
	OK      bool
	Err     error // why not; nil where it was not asked
	// Skipped says why the service was not asked.
	Skipped string
}

// Check asks each service once whether it accepts the credentials; services without a client are left out. Store may be
// nil: then the requests are not counted.
func (b *Bridge) Check(ctx context.Context) (checks []Check, organization string) {
	ask := func(service string, spend func() (time.Time, error), request func() error) {
		c := Check{Service: service}
		if until, err := spend(); err != nil {
			c.Err = err
		} else if !until.IsZero() {
			c.Skipped = "its limit is reached until " + until.UTC().Format(time.RFC3339)
		} else {
			c.Err = request()
			c.OK = c.Err == nil
		}
		checks = append(checks, c)
	}
	if b.Dixa != nil {
		ask("Dixa API", b.once(ctx, b.Limits.api()), func() error {
			o, err := b.Dixa.Organization(ctx)
			organization = o.Name
			return err
		})
		ask("Dixa exports", b.once(ctx, b.Limits.kind(string(dixa.Conversations))), func() error {
			now := time.Now()
			minute := dixa.Export{Kind: dixa.Conversations, By: dixa.Created, Window: dixa.Window{From: now.Add(-time.Minute), To: now}}
			for _, err := range b.Dixa.Export(ctx, minute) {
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if b.Plecto != nil {
		ask("Plecto", b.once(ctx, b.Limits.plectoRest()), func() error {
			_, _, err := b.Plecto.DataSources(ctx, 1)
			if unlisted(err) {
				b.Log.Debug("the data sources cannot be listed", "error", err)
				return nil // the login it took
			}
			return err
		})
	}
	return checks, organization
}

// unlisted reports whether an endpoint, which may be another than Plecto, has no list of data sources.
func unlisted(err error) bool {
	_, answered := errors.AsType[*plecto.Error](err)
	return errors.Is(err, plecto.ErrUnreadable) || answered && !Unauthorized(err) && !Temporary(err) && !errors.Is(err, plecto.ErrRedirected)
}

// once takes a request from a budget if one is left, and returns until when none is.
func (b *Bridge) once(ctx context.Context, budget store.Budget) func() (time.Time, error) {
	return func() (time.Time, error) {
		if b.Store == nil {
			return time.Time{}, nil
		}
		request, when, err := b.Store.Spend(ctx, budget)
		if request != 0 {
			return time.Time{}, err
		}
		return when, err
	}
}
