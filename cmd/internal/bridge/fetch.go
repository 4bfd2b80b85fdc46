package bridge

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A fetcher does the windows of one kind, one after another.
type fetcher struct {
	*Bridge
	kind     string
	left     []store.Window
	tally    *Imported
	patience patience
	first    int64 // the command's first request of this kind
	allowed  int   // requests left in the budget when the window was begun
	come     int   // records, with those that came before
	bytes    int64
	erased   *erasedSet
	// assigned holds the ids and e-mails of assignees that have gone into a batch.
	assigned map[[2]string]bool
}

// breaks is how often a window may break off before it is halved.
const breaks = 2

var errHalve = errors.New("the window keeps breaking")

func (f *fetcher) run(ctx context.Context) error {
	defer func() {
		f.allowed = f.remaining(context.WithoutCancel(ctx), f.Limits.kind(f.kind))
		p := f.progress()
		p.Finished = true
		f.report(p)
	}()
	for len(f.left) > 0 {
		w := f.left[0]
		f.allowed = f.remaining(ctx, f.Limits.kind(f.kind))
		f.report(f.progress())
		err := f.window(ctx, w)
		switch {
		case errors.Is(err, errHalve):
			middle, _ := dixa.Window{From: w.Starts, To: w.Ends}.Middle()
			first, second, err := f.Store.SplitWindow(ctx, w, middle)
			if err != nil {
				return err
			}
			f.Log.Warn("a window keeps breaking off and is halved", "kind", f.kind, "from", w.Starts, "to", w.Ends)
			f.left = append([]store.Window{first, second}, f.left[1:]...)
		case f.tooOld(w, err):
			f.Log.Warn("Dixa does not give activities of a window that is older than it may keep them", "from", w.Starts, "to", w.Ends, "error", err)
			f.left = f.left[1:]
			f.tally.TooOld++
		case err != nil:
			return err
		default:
			f.left = f.left[1:]
			f.tally.Windows++
		}
	}
	return nil
}

// activitiesKept is how far back Dixa gives activities at the least: whether its limit of 90 days is one of age or of the
// span asked for is not documented.
const activitiesKept = 90 * 24 * time.Hour

// tooOld reports whether a window of activities was refused for its age. Newer ones may be given all the same.
func (f *fetcher) tooOld(w store.Window, err error) bool {
	e, ok := errors.AsType[*dixa.Error](err)
	return ok && e.Status == http.StatusBadRequest && f.kind == string(dixa.Activities) && time.Since(w.Starts) > activitiesKept
}

// window asks for one window until it is done; errHalve says that halves of it are to be asked for.
func (f *fetcher) window(ctx context.Context, w store.Window) error {
	broke := 0
	return f.ask(ctx, f.Limits.kind(f.kind), &f.patience, f.progress, func(ctx context.Context, t ticket) error {
		if f.first == 0 {
			f.first = t.request
		}
		f.tally.Requests++
		before := f.come
		saved, err := f.download(ctx, w, t, f.exported(w))
		f.tally.Changed += saved.Changed
		if err == nil {
			f.tally.Records += saved.Records
			f.tally.Aside += saved.Aside
		} else {
			f.tally.Records += saved.Changed // what is not new comes again, and counts then
		}
		if saved.Changed > 0 {
			f.patience.moved()
		}
		if !errors.Is(err, dixa.ErrBroken) {
			return err
		}
		_, ok := dixa.Window{From: w.Starts, To: w.Ends}.Middle()
		if broke++; broke < breaks || !ok {
			return err
		}
		// From a window that gives something, halves will give more. One that gives nothing may just find the
		// service down: its halves get their try, but no new patience.
		f.patience.wait = 0
		if f.come > before {
			f.patience.moved()
		}
		return errHalve
	})
}

// Records and bytes of one batch on its way from the network to the cache.
const (
	batchRecords = 500
	batchBytes   = 1 << 20
)

// exported asks for the records of a window.
func (f *fetcher) exported(w store.Window) func(context.Context) iter.Seq2[dixa.Record, error] {
	return func(ctx context.Context) iter.Seq2[dixa.Record, error] {
		return f.records(ctx, dixa.Kind(f.kind), dixa.By(w.By), dixa.Window{From: w.Starts, To: w.Ends}, &f.patience, f.progress, &f.tally.Requests)
	}
}

// download saves what comes of a request while it comes. What came before an error is saved.
func (f *fetcher) download(ctx context.Context, w store.Window, t ticket, records func(context.Context) iter.Seq2[dixa.Record, error]) (store.Saved, error) {
	var known time.Time
	if f.beside { // by now somebody may be erased who was not when the run began
		known = time.Now()
		erased, err := f.Store.Erased(ctx)
		if err != nil {
			return store.Saved{}, err
		}
		f.erased = &erasedSet{known: erased}
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan store.Batch, 2)
	var read error
	go func() {
		defer close(batches)
		read = f.read(records(reading), batches)
	}()
	saved, err := f.Store.Save(ctx, store.Answer{Window: w, Request: t.request, Asked: t.at, Since: f.first, Known: known}, batches)
	stop()
	for range batches { // after an error of the cache the reader may still hold one
	}
	if err != nil {
		return saved, err
	}
	return saved, read
}

// read turns records into batches.
func (f *fetcher) read(records iter.Seq2[dixa.Record, error], batches chan<- store.Batch) error {
	empty := func() store.Batch { return store.Batch{Records: make([]store.Record, 0, batchRecords)} }
	b, size := empty(), 0
	// Also when the reading was ended: what has come is saved, and download takes what Save does not.
	send := func() {
		batches <- b
		b, size = empty(), 0
		f.report(f.progress())
	}
	for r, err := range records {
		if err != nil {
			send()
			return err
		}
		f.come++
		f.bytes += int64(len(r.Body))
		size += len(r.Body)
		if err := f.add(&b, r); err != nil {
			return err
		}
		if len(b.Records) >= batchRecords || size >= batchBytes {
			send()
		}
	}
	b.Whole = true
	send()
	return nil
}

// add puts a record into a batch, without its content where that is erased or its author is.
func (f *fetcher) add(b *store.Batch, r dixa.Record) error {
	if r.Bad != "" {
		body := append([]byte(nil), r.Body...)
		if f.erased.has(r) {
			body = strconv.AppendQuote(nil, r.ID)
		}
		b.Aside = append(b.Aside, store.Aside{ID: r.ID, Reason: r.Bad, Body: body})
		return nil
	}
	one := store.Record{Kind: f.kind, ID: r.ID, CSID: r.CSID, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Body: string(r.Body)}
	erase := f.erased.has(r)
	if f.kind == string(dixa.Conversations) && !erase && f.erased.learn(r) {
		b.Erase, erase = append(b.Erase, r.CSID), true
	}
	if erase {
		var err error
		if one.Body, err = scrub(one); err != nil {
			return err
		}
	}
	b.Records = append(b.Records, one)
	// Of people who have left, the list of agents may not tell any more.
	person := [2]string{r.Assignee.ID, r.Assignee.Email}
	if one, ok := agent(r.Assignee); ok && !f.assigned[person] {
		f.assigned[person] = true
		b.Agents = append(b.Agents, one)
	}
	return nil
}

func (f *fetcher) progress() Progress {
	budget := f.Limits.kind(f.kind)
	return Progress{
		Flow: "import", Name: f.kind, Done: f.tally.Windows, Total: f.tally.Windows + len(f.left),
		Records: f.come, Bytes: f.bytes, Budget: budget.Name, Left: f.allowed, Least: least(budget, f.allowed, len(f.left)),
	}
}
