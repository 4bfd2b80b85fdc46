package bridge

import (
	"context"
	"iter"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// records asks for the records of a window: an export with the one request that the caller has taken from the budget,
// activities with that for their first page and with one of its own, counted in requests, for each that follows.
func (b *Bridge) records(ctx context.Context, kind dixa.Kind, by dixa.By, w dixa.Window, p *patience, progress func() Progress, requests *int) iter.Seq2[dixa.Record, error] {
	if kind != dixa.Activities {
		return b.Dixa.Export(ctx, dixa.Export{Kind: kind, By: by, Window: w})
	}
	return func(yield func(dixa.Record, error) bool) {
		page, next, err := b.Dixa.Activities(ctx, w, "")
		for {
			if err != nil {
				yield(dixa.Record{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			key := next
			err = b.ask(ctx, b.Limits.kind(string(kind)), p, progress, func(ctx context.Context, _ ticket) (err error) {
				*requests++
				page, next, err = b.Dixa.Activities(ctx, w, key)
				return err
			})
		}
	}
}
