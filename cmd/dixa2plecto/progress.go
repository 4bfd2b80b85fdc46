package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

// A progress shows how a flow gets on. Log lines are written through it, so that they do not tear what it draws.
type progress interface {
	io.Writer
	report(bridge.Progress)
	close() // draws no more; a second time does nothing
}

// newProgress returns bars on a terminal, plain lines elsewhere, and nothing for those who want quiet.
func (a *app) newProgress() progress {
	switch {
	case a.quiet:
		return silent{a.stderr}
	case a.terminal():
		return newBars(a.stderr.(*os.File))
	}
	return &lines{Writer: a.stderr, next: time.Now().Add(lineEvery), told: map[string]bool{}}
}

type silent struct{ io.Writer }

func (silent) report(bridge.Progress) {}
func (silent) close()                 {}

// lineEvery is how often plain lines tell of the progress. A wait is told at once, and so is a job that the limit makes
// take a minute or more.
const lineEvery = 30 * time.Second

type lines struct {
	io.Writer
	mu    sync.Mutex
	next  time.Time
	until time.Time       // of the wait last told
	told  map[string]bool // by name, that it will take long
}

func (l *lines) report(p bridge.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	waits := p.Until.Sub(now) > 2*time.Second && !p.Until.Equal(l.until)
	long := p.Least >= time.Minute && !l.told[p.Flow+p.Name]
	if !waits && !long && now.Before(l.next) {
		return
	}
	text := fmt.Sprintf("dixa2plecto: %s %s: %s of %s", p.Flow, p.Name, thousands(p.Done), thousands(p.Total))
	if p.Flow == "import" {
		text += fmt.Sprintf(" windows, %s records, %.1f MB", thousands(p.Records), float64(p.Bytes)/1e6)
	}
	if long {
		l.told[p.Flow+p.Name] = true
		text += fmt.Sprintf("; the limit makes it take %s at least", p.Least)
	}
	if waits {
		l.until = p.Until
		text += fmt.Sprintf("; waits until %s for %s", p.Until.UTC().Format(time.RFC3339), p.Why)
	}
	l.next = now.Add(lineEvery)
	fmt.Fprintln(l.Writer, text)
}

func (l *lines) close() {}

// bars draw one line for each kind or source.
type bars struct {
	*mpb.Progress
	mu     sync.Mutex
	bars   map[string]*bar
	closed sync.Once
}

type bar struct {
	*mpb.Bar
	began time.Time
	mu    sync.Mutex
	last  bridge.Progress
}

func newBars(f *os.File) *bars {
	return &bars{Progress: mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithAutoRefresh()), bars: map[string]*bar{}}
}

func (b *bars) report(p bridge.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.bars[p.Flow+p.Name]
	if one == nil {
		one = &bar{began: time.Now(), last: p}
		one.Bar = b.New(int64(p.Total), mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─"),
			mpb.PrependDecorators(decor.Name(p.Flow+" "+p.Name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + one.text() })))
		b.bars[p.Flow+p.Name] = one
	}
	one.mu.Lock()
	one.last = p
	one.mu.Unlock()
	one.SetTotal(int64(p.Total), false)
	one.SetCurrent(int64(p.Done))
	switch {
	case !p.Finished:
	case p.Done < p.Total:
		one.Abort(false)
	default:
		one.SetTotal(int64(p.Done), true)
	}
}

// text is what stands behind a bar: what was done, how fast, what the budget still allows, and how long it will take.
func (b *bar) text() string {
	b.mu.Lock()
	p := b.last
	b.mu.Unlock()
	elapsed := time.Since(b.began)
	text := fmt.Sprintf("%s/%s", thousands(p.Done), thousands(p.Total))
	if p.Flow == "import" {
		text += fmt.Sprintf(" windows, %s records, %.1f MB/s", thousands(p.Records), float64(p.Bytes)/1e6/max(elapsed.Seconds(), 0.001))
	}
	if p.Left >= 0 {
		text += fmt.Sprintf(", %s requests left", thousands(p.Left))
	}
	switch {
	case p.Until.After(time.Now()):
		text += fmt.Sprintf(", waits %s for %s", time.Until(p.Until).Round(time.Second), p.Why)
	case p.Done > 0 && p.Done < p.Total:
		rest := time.Duration(float64(elapsed) / float64(p.Done) * float64(p.Total-p.Done))
		text += fmt.Sprintf(", %s to go", max(rest, p.Least).Round(time.Second))
	}
	return text
}

func (b *bars) close() {
	b.closed.Do(func() {
		b.mu.Lock()
		for _, one := range b.bars {
			one.EnableTriggerComplete()
			one.Abort(false)
		}
		b.mu.Unlock()
		b.Wait()
	})
}
