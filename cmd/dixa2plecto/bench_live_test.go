//go:build linux || darwin

package main_test

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

// stalled returns the URL of a service that takes connections and never answers.
func stalled(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String() // the kernel takes them, and nobody reads
}

// liveEnv is the environment of a receiver with a cache of its own and the services at two URLs.
func liveEnv(b *testing.B, dixaURL, plectoURL string) (env []string, cache string) {
	b.Helper()
	cache = filepath.Join(b.TempDir(), "cache.db")
	return []string{
		"HOME=" + b.TempDir(), "DIXA2PLECTO_DB=" + cache,
		"DIXA_API_TOKEN=example-token", "PLECTO_EMAIL=push@example.com", "PLECTO_PASSWORD=example-password",
		"DIXA_EXPORTS_URL=" + dixaURL + "/v1", "DIXA_API_URL=" + dixaURL + "/v1", "PLECTO_URL=" + plectoURL,
	}, cache
}

// command runs one command to its end.
func command(b *testing.B, program string, env []string, args ...string) {
	b.Helper()
	c := exec.CommandContext(b.Context(), program, args...)
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// linkAll tells the program of a source for each kind.
func linkAll(b *testing.B, program string, env []string, uuids map[string]string) {
	b.Helper()
	for _, kind := range bridge.Kinds() {
		command(b, program, env, "sources", "link", kind, uuids[kind])
	}
}

// BenchmarkServe delivers events to a receiver whose services are down, kills it, and looks which of those that it
// answered for are in the cache. Times count from when an event was due.
func BenchmarkServe(b *testing.B) {
	program := release(b)
	uuids := map[string]string{}
	for i, kind := range bridge.Kinds() {
		uuids[kind] = strings.Repeat(string(rune('a'+i)), 32)
	}
	csids := make([]int64, 2000)
	for i := range csids {
		csids[i] = int64(i + 1)
	}
	length := time.Minute
	if testing.Short() {
		length = 5 * time.Second
	}
	const refused = "http://127.0.0.1:1"
	for _, load := range []struct {
		name, service          string
		perSecond, connections int
		length                 time.Duration
	}{
		{"500 a second, services refuse", refused, 500, 64, length},
		{"500 a second, services stall", stalled(b), 500, 64, length},
		{"4000 a second, services refuse", refused, 4000, 512, 5 * time.Second},
	} {
		b.Run(load.name, func(b *testing.B) {
			for b.Loop() {
				env, cache := liveEnv(b, load.service, load.service)
				linkAll(b, program, env, uuids)
				r := launch(b, program, env).listening()
				all := hints(load.perSecond*int(load.length.Seconds()), time.Now(), csids)
				began := time.Now()
				sent := r.send(stream{perSecond: load.perSecond, connections: load.connections}, all)
				took := time.Since(began)
				peak := r.peak()
				r.kill()
				acknowledged, lost := missing(b, cache, sent)
				if lost > 0 {
					b.Errorf("%d of %d acknowledged events are not in the cache", lost, acknowledged)
				}
				if other := len(sent) - count(sent, http.StatusNoContent) - count(sent, http.StatusServiceUnavailable); other > 0 {
					b.Errorf("%d events were answered otherwise than with 204 and 503", other)
				}
				b.ReportMetric(float64(len(sent))/took.Seconds(), "events/s")
				b.ReportMetric(percentile(sent, 50), "p50-ms")
				b.ReportMetric(percentile(sent, 99), "p99-ms")
				b.ReportMetric(percentile(sent, 100), "max-ms")
				b.ReportMetric(float64(acknowledged), "acknowledged")
				b.ReportMetric(float64(lost), "missing")
				b.ReportMetric(peak, "peak-MiB")
			}
		})
	}
}
