package bridge

import (
	"cmp"
	"context"
	"slices"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// describe asks Plecto once which fields a data source has, and again as long as it lacks some. What Plecto does not
// tell is assumed: where it shows fields is not documented.
func (p *pusher) describe(ctx context.Context, src store.Source) (store.Source, error) {
	if src.Fields != nil && len(missing(src)) == 0 {
		return src, nil
	}
	behind, err := p.Store.Behind(ctx, src)
	if err != nil || behind == 0 {
		return src, err
	}
	var shown plecto.DataSource
	err = p.ask(ctx, p.Limits.plectoRest(), &patience{}, p.progress, func(ctx context.Context, _ ticket) (err error) {
		shown, err = p.Plecto.DataSource(ctx, src.UUID)
		return err
	})
	if ctx.Err() != nil {
		return src, context.Cause(ctx)
	}
	if temporary(err) {
		p.Log.Debug("the data source's fields are assumed", "source", src.Name, "error", err)
		return src, nil
	}
	src.Fields = []string{} // shown none
	if err == nil && (shown.UUID == "" || shown.UUID == src.UUID) {
		src.Fields = append(src.Fields, shown.Fields...)
		src.Title = cmp.Or(shown.Title, src.Title)
	}
	if lacks := missing(src); len(lacks) > 0 {
		p.Log.Warn("the data source lacks fields, which are left out: add them in Plecto under Data sources", "source", src.Name, "fields", lacks)
	}
	return src, p.Store.Describe(ctx, src)
}

// missing returns the titles of the fields that a data source shows not to have. Where it shows none of ours, its names
// are not titles, and nothing can be said.
func missing(src store.Source) []string {
	var lacks []string
	fields := Fields(src.Kind)
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
