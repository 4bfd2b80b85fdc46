package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// usualListen is where serve takes webhooks unless told otherwise: for a proxy on the same machine.
const usualListen = "127.0.0.1:8085"

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	c := a.command(&cobra.Command{
		Use:   "serve",
		Short: "Receive Dixa's webhooks and keep every source current",
		Long: `Receive Dixa's webhooks and keep every source current, until it is stopped.

A webhook says that a conversation has changed: that is on the disk before it is
answered, and what changed is fetched and pushed within seconds, ahead of any
import or push that runs beside it. What was never delivered is fetched at the
start and every so often, as by sync.

It takes webhooks at /admin/data-sources/dixa/UUID/hook/, where UUID is the
connection that status prints, and prints the address when it is ready. GET
/healthz says that it is alive, /readyz that the cache can be written to and was
refreshed lately, /metrics how it is, in Prometheus' form.

Webhooks are signed with the secret that ` + "`webhook create`" + ` stores, or that
DIXA_WEBHOOK_SECRET holds: several with commas between, while it is changed.
With --unsigned whoever reaches the address can have conversations fetched
again, though nothing of what they send is believed.`,
		Example: `  dixa2plecto serve
  dixa2plecto serve --listen 127.0.0.1:9000 --every 5m`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return a.serve(ctx, o) })
	f := c.Flags()
	f.StringVar(&o.listen, "listen", usualListen, "address and port to listen on")
	f.DurationVar(&o.Every, "every", 15*time.Minute, "how often to fetch what was never delivered")
	f.BoolVar(&o.unsigned, "unsigned", false, "take webhooks that nobody signed")
	f.BoolVar(&o.NoMembers, "no-members", false, "leave it to Plecto to make the people of registrations, without e-mail")
	f.DurationVar(&o.patience, "patience", usualPatience, "how long to go on trying a request while a service is in trouble, before the next is tried")
	return c
}

type serveOptions struct {
	bridge.LiveOptions
	listen   string
	unsigned bool
	patience time.Duration
}

func (o serveOptions) check() error {
	if o.Every < time.Minute {
		return usagef("--every is a minute at the least")
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return usagef("--listen %q is no address: it takes HOST:PORT", o.listen)
	}
	return nil
}

func (a *app) serve(ctx context.Context, o serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	r := &bridge.Receiver{}
	if !o.unsigned {
		if r.Secrets, err = a.webhookSecrets(ctx, cfg); err != nil {
			return err
		}
	}
	if r.Authorization, err = a.webhookAuthorization(); err != nil {
		return err
	}
	return a.withBridge(ctx, needDixa|needPlecto|needLog, patienceFlags{patience: o.patience}, func(ctx context.Context, b *bridge.Bridge) error {
		release, err := store.LockReceiver(ctx, cfg.db)
		if errors.Is(err, store.ErrLocked) {
			return hinted{err, "a cache has one `dixa2plecto serve`: stop the other, or name another cache with --db"}
		}
		if err != nil {
			return err
		}
		defer release()
		l, err := net.Listen("tcp", o.listen)
		if err != nil {
			return hinted{err, "name another address with --listen"}
		}
		if o.unsigned {
			b.Log.Warn("webhooks are taken from whoever sends them: nobody has to sign them", "authorization", r.Authorization != dixa.Authorization{})
		}
		return a.receive(ctx, b, r, l, o.LiveOptions)
	})
}

// How long a client may take, for a head, for all of a request, and between two; and how many there may be at once.
const (
	headTime       = 5 * time.Second
	requestTime    = 10 * time.Second
	idleTime       = time.Minute
	maxHead        = 16 << 10
	maxConnections = 2048
	// closingTime is how long requests in flight may take when it is told to stop.
	closingTime = 5 * time.Second
)

// receive takes webhooks from a listener until it is told to stop, which is no error.
func (a *app) receive(told context.Context, b *bridge.Bridge, r *bridge.Receiver, l net.Listener, o bridge.LiveOptions) error {
	defer l.Close()
	var sent tally
	m := newMetrics(func(ctx context.Context) (liveState, error) { return stateOf(ctx, b, &sent) })
	o.Sent = sent.add
	live, err := b.NewLive(told, o)
	if err != nil {
		return err
	}
	r.Live, r.Observe = live, m.observe
	server := &http.Server{
		Handler:           unbroken(receiverMux(r, live, m), b.Log.Error),
		ReadHeaderTimeout: headTime, ReadTimeout: requestTime, WriteTimeout: 2 * requestTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
		ErrorLog: log.New(io.Discard, "", 0), // what clients do wrong is counted
	}
	ctx, cancel := context.WithCancelCause(told)
	served, worked := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(served)
		if err := server.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("receiving webhooks: %w", err))
		}
	}()
	go func() {
		err := live.Run(ctx)
		cancel(err)
		worked <- err
	}()
	address := "http://" + l.Addr().String() + bridge.HookPath(b.Store.Connection())
	err = a.result(struct {
		OK        bool   `json:"ok"`
		Listening string `json:"listening"`
	}{true, address}, func() error {
		_, err := fmt.Fprintf(a.stdout, "listening on %s\n", address)
		return err
	})
	if err != nil {
		cancel(err)
	}
	stopNotifying := notifyReady(ctx, b.Log, func() bool { return live.Beating(time.Now()) })
	<-ctx.Done()
	stopNotifying()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), closingTime)
	defer done()
	if server.Shutdown(closing) != nil {
		server.Close()
	}
	<-served
	if told.Err() == nil { // it ended by itself
		err = context.Cause(ctx)
	}
	return errors.Join(err, <-worked, live.Close())
}

// receiverMux is all that the receiver answers.
func receiverMux(r *bridge.Receiver, live *bridge.Live, m *metrics) *http.ServeMux {
	mux := http.NewServeMux()
	r.Register(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := live.Ready(time.Now()); why != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, why)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", m)
	return mux
}

// unbroken answers 500 where a handler panics, and goes on.
func unbroken(h http.Handler, log func(string, ...any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				log("a request could not be handled", "path", r.URL.Path, "panic", fmt.Sprintf("%T", p))
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// A tally counts by name.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (t *tally) add(name string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	t.counts[name] += int64(n)
}

func (t *tally) all() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// stateOf asks the cache how current everything is.
func stateOf(ctx context.Context, b *bridge.Bridge, sent *tally) (state liveState, err error) {
	state.Sent = sent.all()
	if state.Live, err = b.Store.Live(ctx); err == nil {
		state.Budgets, err = b.Budgets(ctx)
	}
	return state, err
}
