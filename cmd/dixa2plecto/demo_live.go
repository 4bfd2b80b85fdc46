package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// demoTraffic says how conversations come in.
type demoTraffic struct {
	speed float64
	lasts time.Duration
}

const (
	usualSpeed = 10
	usualLasts = 5 * time.Minute
	// Of before it began, the simulated Dixa holds so many days, with so many conversations on an ordinary one.
	liveDays   = 3
	livePerDay = 20
	// lateBy is how late webhooks are at most; flushTime is how long they may take once nothing happens any more.
	lateBy    = 3 * time.Second
	flushTime = 15 * time.Second
)

func (o demoTraffic) check(live bool) error {
	switch {
	case !live && o != (demoTraffic{usualSpeed, usualLasts}):
		return usagef("--speed and --for are for --live")
	case !(o.speed > 0) || math.IsInf(o.speed, 0):
		return usagef("--speed is how many times faster, for example 10")
	case o.lasts < 0:
		return usagef("--for is not negative")
	}
	return nil
}

// A liveDemo watches serve keep Plecto current.
type liveDemo struct {
	*demo
	*bridge.Bridge
	rowsBefore int // that Plecto had accepted when the traffic began
	longest    time.Duration
}

// demoLive lets conversations come in and serve follow, until the time is over or somebody stops it; then it brings what
// was never delivered, and compares.
func (a *app) demoLive(ctx context.Context, d *demo, o demoTraffic) error {
	d.dixa.Behaviour.Webhooks = dixatest.WebhookBehaviour{DuplicateEvery: 20, LoseEvery: 50, LateBy: lateBy, Retries: 3}
	secret := filepath.Join(d.folder, "webhook-secret")
	d.env = append(d.env, [2]string{webhookSecret + "_FILE", secret})
	if err := a.demoRun(ctx, d, addEachKind()...); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, filepath.Join(d.folder, demoCache))
	if err != nil {
		return err
	}
	defer s.Close()
	hook := "http://" + address + bridge.HookPath(s.Connection())
	if err := a.demoRun(ctx, d, []string{"webhook", "create", "--url", hook, "--secret-file", secret}); err != nil {
		return err
	}
	l := &liveDemo{demo: d, Bridge: &bridge.Bridge{Store: s, Limits: bridge.DefaultLimits()}}
	if err := a.follow(ctx, l, address, o); err != nil {
		return err
	}
	// From here on only a second Ctrl-C ends it, and at once.
	ctx = context.WithoutCancel(ctx)
	if err := a.demoRun(ctx, d, []string{"sync"}, []string{"verify"}); err != nil {
		return err
	}
	return a.printLiveDemo(ctx, l)
}

// freeAddress finds a port that nobody listens on: the webhook has to name it before serve, which needs the webhook's
// secret, can be started.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// follow runs serve while conversations come in, and tells each second how it gets on.
func (a *app) follow(ctx context.Context, l *liveDemo, address string, o demoTraffic) error {
	w := a.demoWorld(l.demo)
	args := []string{"serve", "--listen", address, "--quiet"}
	if a.verbose {
		args[len(args)-1] = "--verbose"
	}
	fmt.Fprintf(w.stdout, "$ dixa2plecto %s &\n", strings.Join(args, " "))
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	served := make(chan int, 1)
	go func() { served <- run(serving, args, world{w.stdin, io.Discard, w.stderr, w.getenv}) }()
	ended := func() error {
		stop(signalled{syscall.SIGTERM})
		if code := <-served; code != exitOK {
			return demoFailed(args, code)
		}
		return nil
	}
	if err := listening(ctx, address, served); err != nil {
		return errors.Join(err, ended())
	}
	err := a.watchTraffic(ctx, l, w, served, o)
	if err == nil {
		fmt.Fprintf(w.stdout, `
Nothing happens in Dixa any more. When the last webhooks are delivered, a sync brings what never was. It may have to
wait some 20 seconds for that: Dixa allows %d exports of messages a minute.

`, l.Limits.MessageExportsPerMinute)
	}
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	return errors.Join(err, l.dixa.Flush(flushing), ended())
}

// listening waits until somebody answers at an address, or serve has ended.
func listening(ctx context.Context, address string, served chan int) error {
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case code := <-served:
			served <- code // for who asks next
			return errors.New("serve does not run")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// watchTraffic lets conversations come in.
func (a *app) watchTraffic(ctx context.Context, l *liveDemo, w world, served chan int, o demoTraffic) error {
	var over <-chan time.Time
	if o.lasts > 0 {
		over = time.After(o.lasts)
	}
	traffic, stop := context.WithCancel(ctx)
	l.rowsBefore = l.rows()
	unfolded := make(chan struct{})
	go func() {
		defer close(unfolded)
		dixatest.NewTraffic(l.dixa, dixatest.TrafficConfig{Speed: o.speed}).Run(traffic)
	}()
	defer func() { stop(); <-unfolded }()
	each := time.NewTicker(time.Second)
	defer each.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-over:
			return nil
		case code := <-served:
			served <- code
			return errors.New("serve has ended by itself")
		case now := <-each.C:
			line, err := l.line(context.WithoutCancel(ctx), now)
			if err != nil {
				return err
			}
			fmt.Fprintln(w.stdout, line)
		}
	}
}

// line tells how far Plecto is.
func (l *liveDemo) line(ctx context.Context, now time.Time) (string, error) {
	received, err := l.received(ctx)
	if err != nil {
		return "", err
	}
	live, err := l.Store.Live(ctx)
	if err != nil {
		return "", err
	}
	budgets, err := l.Budgets(ctx)
	if err != nil {
		return "", err
	}
	lag := lagOf(live, now)
	l.longest = max(l.longest, lag)
	text := fmt.Sprintf("%s  events %4d  received %4d  rows %5s  stale %3d  lag %4s", now.UTC().Format(time.TimeOnly),
		l.dixa.Deliveries().Emitted, received, thousands(l.rows()-l.rowsBefore), live.Stale, lag.Round(time.Second))
	for _, b := range budgets {
		if b.Budget.Per < time.Minute || b.Budget.Name == "Plecto, other" {
			continue // which never hold up anything here
		}
		name, limit := strings.Fields(b.Budget.Name)[0], thousands(b.Budget.Limit)
		text += fmt.Sprintf("  %s %*s/%s", name, len(limit), thousands(b.Used), limit)
	}
	return text, nil
}

// lagOf is for how long the oldest event has not been in Plecto.
func lagOf(live store.Live, now time.Time) (lag time.Duration) {
	for _, since := range []time.Time{live.OldestStale, live.OldestUnpushed} {
		if !since.IsZero() {
			lag = max(lag, now.Sub(since))
		}
	}
	return lag
}

// received counts the events that serve has, each once.
func (l *liveDemo) received(ctx context.Context) (n int, err error) {
	counts, err := l.Store.EventCounts(ctx)
	for _, c := range counts {
		n += c.Events
	}
	return n, err
}

// rows counts the registrations that Plecto has accepted, also those of one record.
func (l *liveDemo) rows() (n int) {
	for _, r := range l.plecto.Requests() {
		n += r.Stored
	}
	return n
}

// printLiveDemo compares, and tells what came of it.
func (a *app) printLiveDemo(ctx context.Context, l *liveDemo) error {
	found, err := l.compare(time.Time{})
	if err != nil {
		return err
	}
	if broken := l.plecto.Violations(); len(broken) > 0 {
		return fmt.Errorf("a rule of Plecto's was broken: %s", broken[0])
	}
	refused := 0
	for _, r := range l.dixa.Requests() {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("%s went beyond a limit of Dixa's", counted(refused, "request"))
	}
	received, err := l.received(ctx)
	if err != nil {
		return err
	}
	events := l.dixa.Deliveries().Emitted
	return a.result(struct {
		OK bool `json:"ok"`
		demoCounts
		Events  int     `json:"events"`
		Lost    int     `json:"never_delivered"`
		Rows    int     `json:"rows"`
		Longest float64 `json:"longest_lag_seconds"`
	}{true, found, events, events - received, l.rows() - l.rowsBefore, l.longest.Seconds()}, func() error {
		_, err := fmt.Fprintf(a.stdout, `Plecto equals Dixa: %s conversations, %s messages, %s activities; %s events, %s of them never delivered.
The lag was %s at most. It was all simulated and is gone now.
`, thousands(found.Conversations), thousands(found.Messages), thousands(found.Activities), thousands(events), thousands(events-received), l.longest.Round(time.Second))
		return err
	})
}
