package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifyReady tells the service manager that the receiver answers, and from then on keeps its watchdog quiet for as long
// as alive says so; the function that it returns tells it of the end. Where no service manager asked to be told, nothing
// happens.
//
// A watchdog that hears nothing kills the process, which mends a worker that hangs and nothing else: alive must not depend
// on the services, and must return at once.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
func notifyReady(ctx context.Context, log *slog.Logger, alive func() bool) (stopping func()) {
	failed := func(err error) { log.Warn("the service manager cannot be told", "error", err) }
	tell := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			failed(err)
		}
	}
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		failed(err)
	}
	tell(daemon.SdNotifyReady)
	ctx, cancel := context.WithCancel(ctx)
	var beating sync.WaitGroup
	if patience > 0 {
		beating.Go(func() {
			// Twice as often as it has to be.
			// https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
			ticks := time.NewTicker(max(patience/2, 1))
			defer ticks.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C:
					if alive() {
						tell(daemon.SdNotifyWatchdog)
					}
				}
			}
		})
	}
	return func() {
		cancel()
		beating.Wait()
		tell(daemon.SdNotifyStopping)
	}
}
