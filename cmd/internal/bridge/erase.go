package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// An Erasure says whose content is to go.
type Erasure struct {
	CSIDs     []int64
	Requester string // e-mail; empty for none
	NoMembers bool   // as in PushOptions
}

// Removed tells what an erasure is about, or what became of it.
type Removed struct {
	CSIDs    []int64        // of the conversations, in order
	Records  map[string]int // of them in the cache, by kind
	Scrubbed map[string]int // of these, the ones that had content until now
	Aside    int            // elements set aside that were removed
	Sources  []Pushed       // whose registrations were overwritten
}

// FindErased returns what an erasure would be about, and changes nothing.
func (b *Bridge) FindErased(ctx context.Context, e Erasure) (Removed, error) {
	csids, err := b.conversationsOf(ctx, normal(e.Requester))
	if err != nil {
		return Removed{}, err
	}
	return b.about(ctx, slices.Concat(e.CSIDs, csids))
}

// Erase removes the content of conversations and of all that belongs to them, for good: from the cache file, and from
// Plecto by overwriting their registrations. What counts and times remains, and stays current: what comes later of them
// comes without content. Killed anywhere, the same call does the rest.
func (b *Bridge) Erase(ctx context.Context, e Erasure) (Removed, error) {
	done, err := b.remember(ctx, e)
	if err != nil {
		return done, err
	}
	if done.Scrubbed, done.Aside, err = b.scrub(ctx, done.CSIDs); err != nil {
		return done, err
	}
	errs := []error{b.Store.Wipe(ctx)} // which Plecto does not wait for
	sources, err := b.Store.Sources(ctx)
	if err != nil || errors.Is(errs[0], store.ErrDamaged) {
		return done, errors.Join(append(errs, err)...)
	}
	telling := &introduction{}
	for _, src := range sources {
		p := b.pusher(PushOptions{NoMembers: e.NoMembers}, src)
		p.telling = telling
		if err := p.overwrite(ctx, done.CSIDs); err != nil {
			errs = append(errs, fmt.Errorf("source %q: %w", src.Name, err))
		}
		done.Sources = append(done.Sources, p.tally)
	}
	return done, errors.Join(errs...)
}

// remember makes it known for good what is erased, and returns what it is about.
func (b *Bridge) remember(ctx context.Context, e Erasure) (Removed, error) {
	if err := b.Store.Erase(ctx, e.CSIDs); err != nil {
		return Removed{}, err
	}
	var theirs []int64
	if email := normal(e.Requester); email != "" {
		err := b.Store.EraseRequester(ctx, email)
		if err == nil {
			theirs, err = b.conversationsOf(ctx, email)
		}
		if err == nil {
			err = b.Store.EraseOf(ctx, theirs, email)
		}
		if err != nil {
			return Removed{}, err
		}
	}
	return b.about(ctx, slices.Concat(e.CSIDs, theirs))
}

// conversationsOf returns the conversations of the customer with an e-mail, those too that an element which could not be
// read names beside it.
func (b *Bridge) conversationsOf(ctx context.Context, email string) ([]int64, error) {
	if email == "" {
		return nil, nil
	}
	csids, err := b.Store.ConversationsOf(ctx, email, normal)
	if err != nil {
		return nil, err
	}
	err = b.Store.EachAside(ctx, func(body []byte) {
		if slices.Contains(emailsIn(body), email) {
			csids = append(csids, numbers(body)...)
		}
	})
	return csids, err
}

// about counts what the cache has of conversations.
func (b *Bridge) about(ctx context.Context, csids []int64) (r Removed, err error) {
	slices.Sort(csids)
	r.CSIDs = slices.Compact(csids)
	r.Records, err = b.Store.CountOf(ctx, r.CSIDs)
	return r, err
}

// overwrite sends all registrations of some conversations that Plecto does not have as they are now. Those too that the
// cache knows of none of: an answer may have been lost. The next push would have sent them.
func (p *pusher) overwrite(ctx context.Context, csids []int64) error {
	if err := p.describe(ctx); err != nil {
		return err
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	err := p.sendOf(ctx, csids, func(it item) bool {
		if it.state == stateUnchanged {
			p.tally.Unchanged++
		}
		return it.state != stateUnchanged
	})
	if err != nil {
		return err
	}
	if p.tally.Rejected > 0 {
		return fmt.Errorf("%w: %d by Plecto, which keeps what it has of them", ErrRejected, p.tally.Rejected)
	}
	return nil
}

// scrub takes the content out of all that belongs to erased conversations, and lets go of what is set aside of anything
// erased; that first, since the conversations then are no longer waiting. It takes a turn, so that no registration that is
// on its way to Plecto is written down with its content afterwards.
func (b *Bridge) scrub(ctx context.Context, csids []int64) (scrubbed map[string]int, aside int, err error) {
	done, err := b.Store.Turn(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	known, err := b.Store.Erased(ctx)
	if err != nil {
		return nil, 0, err
	}
	erased := &erasedSet{known: known}
	if aside, err = b.Store.ScrubAside(ctx, erased.named); err != nil {
		return nil, 0, err
	}
	scrubbed, err = b.Store.Scrub(ctx, csids, scrub)
	return scrubbed, aside, err
}

// scrubWaiting scrubs the erased conversations that were not yet: an import has just learned of them, or was killed after
// that, or an erasure was.
func (b *Bridge) scrubWaiting(ctx context.Context) error {
	csids, err := b.Store.Unscrubbed(ctx)
	if err != nil || len(csids) == 0 {
		return err
	}
	b.Log.Info("conversations are erased", "conversations", len(csids))
	_, _, err = b.scrub(ctx, csids)
	return err
}

// A file this large, in bytes, is not wiped after each import that erased something, but this often.
const (
	largeFile = 256 << 20
	wipeEvery = 24 * time.Hour
	// wipedBeside is how large a file is wiped while events come, which wait for it.
	wipedBeside = 64 << 20
)

// wipeDue reports whether the file is to be wiped now.
func wipeDue(left store.Residue, now time.Time) bool {
	age := now.Sub(left.WipedAt)
	return left.Held && (left.Size < largeFile || age >= wipeEvery || age < 0) // less than none: the clock was ahead then
}

// wipe wipes the file where that is due. Where it cannot be done now, the next import tries again.
func (b *Bridge) wipe(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	left, err := b.Store.Residue(ctx)
	if err != nil || !wipeDue(left, time.Now()) || b.beside && left.Size > wipedBeside {
		return err
	}
	err = b.Store.Wipe(ctx)
	switch {
	case errors.Is(err, store.ErrDamaged):
		return err
	case err != nil && ctx.Err() == nil:
		b.Log.Warn("free space of the cache file may still hold something of what was erased; the next import tries again", "error", err)
	}
	return nil
}
