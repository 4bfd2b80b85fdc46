package dixatest

import (
	"iter"
	"math/bits"
	"sort"
	"time"
)

// Bulk stands for exports of any size: each row is made as it is sent, from its
// number alone, and none is kept. The same fields give the same rows. Messages
// take about 1.1 KB each, conversations about 1.4 KB. Rows go out oldest first,
// whatever Behaviour says of their order.
type Bulk struct {
	// Seed chooses among ids and texts.
	Seed uint64
	// Messages and Conversations are how many rows each export has in all, spread
	// evenly over [From, To). Every message belongs to a conversation that has
	// begun by then.
	Messages, Conversations int
	From, To                time.Time
}

// rows makes the rows that q admits. A row is valid until the next one is asked for.
func (b *Bulk) rows(kind string, q query) iter.Seq[[]byte] {
	n := b.Conversations
	if kind == "messages" {
		n = b.Messages
	}
	return func(yield func([]byte) bool) {
		first, end := 0, n
		if created := q.bounds[0]; created.set {
			first, end = b.search(n, created.after), b.search(n, created.before+1)
		}
		p := newPress(b.Seed)
		for i := first; i < end; i++ {
			var r row
			if kind == "messages" {
				r = b.message(i)
			} else {
				r = b.conversation(i)
			}
			if !q.admits(r) {
				continue
			}
			if kind == "messages" {
				p.message(i, r)
			} else {
				p.conversation(i, r)
			}
			if !yield(p.buf) {
				return
			}
		}
	}
}

// created is when the i-th of n rows was, in Unix milliseconds.
func (b *Bulk) created(i, n int) int64 {
	from := b.From.UnixMilli()
	return from + int64(scale(i, uint64(b.To.UnixMilli()-from), n))
}

// search returns the first of n rows that was created at or after a moment.
func (b *Bulk) search(n int, at int64) int {
	return sort.Search(n, func(i int) bool { return b.created(i, n) >= at })
}

func (b *Bulk) message(i int) row {
	return row{created: b.created(i, b.Messages), csid: bulkCSID(int(scale(i, uint64(b.Conversations), b.Messages)))}
}

// conversation closes within four hours and changes no more after that.
func (b *Bulk) conversation(i int) row {
	created := b.created(i, b.Conversations)
	last := b.To.UnixMilli() - 1
	closed := min(created+int64(mix(b.Seed, uint64(i))%(4*3600_000)), last)
	return row{csid: bulkCSID(i), created: created, updated: closed, closed: closed, lastMessage: closed - (closed-created)/8}
}

func bulkCSID(i int) int64 { return firstCSID + 1 + int64(i) }

// scale is i*size/n, rounded down, for i below n.
func scale(i int, size uint64, n int) uint64 {
	hi, lo := bits.Mul64(uint64(i), size)
	quotient, _ := bits.Div64(hi, lo, uint64(n))
	return quotient
}

// mix gives a number that looks random for each of a sequence (SplitMix64,
// https://prng.di.unimi.it/splitmix64.c).
func mix(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
