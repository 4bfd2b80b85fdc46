package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dixa2plecto/dixa2plecto/plecto"
)

// maxRefusals is how many requests, the first included, may be refused before anything of a batch is accepted: enough
// to halve a hundred rows down to one, and to try seven others alone.
const maxRefusals = 14

// An isolation looks for the rows for whose sake Plecto refuses a batch.
type isolation struct {
	*pusher
	refusals int
	accepted int
	words    string            // of the last refusal
	refused  []item            // alone
	reasons  map[string]string // by record, of those
	beside   [][]item          // halves beside a refused one: nothing is known of them yet
	known    bool              // all rows of the batch were rejected before, so that only they are to blame
}

// isolate delivers what can be delivered of a refused batch, and rejects with Plecto's words the rows that are refused
// alone. It halves what is refused; the half left of a refused stretch when the other was accepted is known to be
// refused without asking. One bad row in a hundred costs 14 further requests at most.
//
// Where nothing at all is accepted, the rows are not to blame: ErrAllRefused ends the source, and nothing is rejected.
func (p *pusher) isolate(ctx context.Context, batch []item, refusal error, place int64) error {
	is := &isolation{pusher: p, refusals: 1, words: wordsOf(refusal), reasons: make(map[string]string)}
	is.known = !slices.ContainsFunc(batch, func(it item) bool { return !it.rejectedBefore })
	if len(batch) == 1 {
		is.blame(batch[0])
	} else if err := is.descend(ctx, batch); err != nil {
		return err
	}
	if err := is.sample(ctx); err != nil {
		return err
	}
	for len(is.beside) > 0 {
		next := is.beside[0]
		is.beside = is.beside[1:]
		bad, err := is.post(ctx, next)
		if err == nil && bad {
			err = is.descend(ctx, next)
		}
		if err != nil {
			return err
		}
	}
	if is.accepted == 0 && !is.known {
		everything := fmt.Errorf("%w: %s", ErrAllRefused, is.words)
		if !is.plausible(batch) {
			return everything
		}
		if err := p.gone(ctx, everything); errors.Is(err, ErrGone) {
			return err
		}
	}
	return p.reject(ctx, is.refused, is.reasons, place)
}

// blame says that a row was refused alone.
func (is *isolation) blame(it item) {
	is.refused = append(is.refused, it)
	is.reasons[it.record.ID] = is.words
}

// post posts some rows and reports whether Plecto refuses them; those it accepts are marked.
func (is *isolation) post(ctx context.Context, rows []item) (bool, error) {
	if is.accepted == 0 && !is.known && is.refusals >= maxRefusals {
		return false, fmt.Errorf("%w: %s", ErrAllRefused, is.words)
	}
	posted, err := is.deliver(ctx, rows, 0)
	if err == nil {
		is.accepted += len(rows) // by another process perhaps
		return false, nil
	}
	if !errors.Is(err, plecto.ErrRefused) {
		return false, err
	}
	is.refusals++
	is.words = wordsOf(err)
	if len(posted) == 1 {
		is.blame(posted[0])
	}
	return true, nil
}

// descend follows a refused stretch of two rows or more down to a row that is refused alone.
func (is *isolation) descend(ctx context.Context, rows []item) error {
	for len(rows) > 1 {
		left, right := rows[:len(rows)/2], rows[len(rows)/2:]
		bad, err := is.post(ctx, left)
		if err != nil {
			return err
		}
		if bad {
			rows, is.beside = left, append(is.beside, right)
			continue
		}
		if rows = right; len(rows) == 1 {
			_, err := is.post(ctx, rows) // for its own words
			return err
		}
	}
	return nil
}

// sample tries the last row of each half that is left, the largest half first, until one is accepted: a row alone is the
// soonest to tell rows that are bad from a source that takes nothing.
func (is *isolation) sample(ctx context.Context) error {
	for i, half := range is.beside {
		if is.accepted > 0 {
			break
		}
		if _, err := is.post(ctx, half[len(half)-1:]); err != nil {
			return err
		}
		is.beside[i] = half[:len(half)-1]
	}
	is.beside = slices.DeleteFunc(is.beside, func(half []item) bool { return len(half) == 0 })
	return nil
}

// plausible reports whether the rows themselves may be to blame although nothing else was accepted with them: all but
// one were rejected before, and the source has accepted others.
func (is *isolation) plausible(batch []item) bool {
	fresh := 0
	for _, it := range batch {
		if !it.rejectedBefore {
			fresh++
		}
	}
	worked := is.tally.Source.Accepted > 0 || is.tally.Sent > 0
	return fresh == 1 && worked
}

// wordsOf returns what Plecto said when it refused.
func wordsOf(err error) string {
	if e, ok := errors.AsType[*plecto.Error](err); ok && e.Message != "" {
		return e.Message
	}
	return err.Error()
}
