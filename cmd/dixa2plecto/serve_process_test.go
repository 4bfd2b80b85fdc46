//go:build unix && !race

// The race detector sees nothing of the program that these tests run.

package main_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestServe runs the real program as a receiver, over sockets and beside other processes.
func TestServe(t *testing.T) {
	program := build(t)
	world := newWorld()
	for _, tt := range []struct {
		name string
		test func(t *testing.T, r *rig)
	}{
		{"killed it has every event that it answered for", testServeKilled},
		{"told to stop it has every event that it answered for", testServeStopped},
		{"the same event a thousand times at once is one", testServeRepeated},
		{"clients that never finish keep no other waiting", testServeSlowClients},
		{"what is no delivery is refused and leaves nothing", testServeOddRequests},
		{"bodies without an end are cut off", testServeEndlessBodies},
		{"a cache has one receiver and a port too", testServeTwice},
		{"it starts with something to prove deliveries by", testServeSecrets},
		{"it asks for credentials where it has some", testServeCredentials},
		{"every other command runs beside it", testServeBeside},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newRig(t, program, world)) })
	}
}

// serve starts a receiver and waits until it listens.
func (r *rig) serve(env []string, flags ...string) *receiver {
	r.Helper()
	return launch(r.T, r.program, append(slices.Clone(r.env), env...), flags...).listening()
}

// long ago: whatever Dixa has is newer than an event of then, so that fetching it once will do.
func longAgo() time.Time { return time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC) }

// known are the conversations of the rig's Dixa.
func (r *rig) known() (csids []int64) {
	for _, record := range r.world.Conversations() {
		var csid int64
		fmt.Sscan(idOf(record), &csid)
		csids = append(csids, csid)
	}
	return csids
}

// settled waits until all that events told of is in Plecto.
func (r *rig) settled(serving *receiver) {
	r.Helper()
	serving.until("nothing is stale", func() bool { return stale(r, r.cache) == 0 })
}

// checkKept holds the cache against the answers.
func (r *rig) checkKept(sent []delivered) {
	r.Helper()
	acknowledged, lost := missing(r, r.cache, sent)
	if lost > 0 || acknowledged == 0 {
		r.Errorf("%d of %d acknowledged events are not in the cache", lost, acknowledged)
	}
	r.checkIntegrity()
}

// checkDiscreet looks for secrets in what a receiver printed and in what is on the disk.
func (r *rig) checkDiscreet(of *receiver, secrets ...string) {
	r.Helper()
	texts := map[string]string{"standard output": of.stdout.String(), "standard error": of.stderr.String()}
	files, err := filepath.Glob(r.cache + "*")
	if err != nil {
		r.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			r.Fatal(err)
		}
		texts[filepath.Base(file)] = string(text)
	}
	for _, secret := range append(secrets, signingSecret, "example-token", "example-password") {
		for where, text := range texts {
			if strings.Contains(text, secret) {
				r.Errorf("%s holds the secret %s", where, secret)
			}
		}
	}
}

func testServeStopped(t *testing.T, r *rig) {
	for i, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		const middle = 1000
		serving := r.serve(nil)
		var answers atomic.Int64
		sent := serving.send(stream{connections: 32, answered: func(delivered) {
			if answers.Add(1) == middle {
				_ = serving.Process.Signal(signal)
			}
		}}, hints(3*middle, longAgo().AddDate(0, 0, i), r.known()))
		serving.stopped()
		if n := count(sent, http.StatusNoContent); n < middle || n+count(sent, 0) != len(sent) {
			t.Errorf("after %v %d of %d events are answered with 204, %d not at all", signal, n, len(sent), count(sent, 0))
		}
		r.checkKept(sent)
	}
}

func testServeRepeated(t *testing.T, r *rig) {
	serving := r.serve(nil)
	one := hints(1, longAgo(), r.known())[0]
	if sent := serving.send(stream{connections: 200}, slices.Repeat([]hint{one}, 1000)); count(sent, http.StatusNoContent) != len(sent) {
		t.Errorf("%d of %d were answered with 204", count(sent, http.StatusNoContent), len(sent))
	}
	if stored := events(t, r.cache); len(stored) != 1 {
		t.Errorf("%d events are stored", len(stored))
	}
	serving.stop()
}

func testServeTwice(t *testing.T, r *rig) {
	r.link()
	first := r.serve(nil)
	second := r.start([]string{"DIXA_WEBHOOK_SECRET=" + signingSecret}, "serve", "--listen", "127.0.0.1:0")
	second.ends(75)
	if !second.says("another run holds this cache", fmt.Sprintf("process %d since", first.Process.Pid)) {
		t.Errorf("the second says %s", &second.stderr)
	}
	elsewhere := r.start([]string{"DIXA_WEBHOOK_SECRET=" + signingSecret, "DIXA2PLECTO_DB=" + r.cache + "2"}, "serve", "--listen", first.host)
	elsewhere.ends(1)
	if !elsewhere.says("address already in use") || !elsewhere.says("--listen") {
		t.Errorf("the one on the same port says %s", &elsewhere.stderr)
	}
	first.kill()
	r.serve(nil, "--listen", first.host).stop() // the kernel has let go of both
}

func testServeSecrets(t *testing.T, r *rig) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "DIXA_WEBHOOK_SECRET_FILE=" + path
	}
	config := "XDG_CONFIG_HOME=" + t.TempDir() // where nothing is stored
	for _, row := range []struct {
		name string
		env  []string
		code int
		says string
	}{
		{"none", []string{"DIXA_WEBHOOK_SECRET="}, 4, "webhook create"},
		{"no hex", []string{"DIXA_WEBHOOK_SECRET=geheim-4711"}, 2, "number 1 is not pairs of hex digits"},
		{"half a byte", []string{"DIXA_WEBHOOK_SECRET=c0ffee0"}, 2, "number 1"},
		{"the second empty", []string{"DIXA_WEBHOOK_SECRET=" + signingSecret + ","}, 2, "number 2"},
		{"no hex in the file", []string{"DIXA_WEBHOOK_SECRET=", file("geheim-4711\n")}, 2, "number 1"},
		{"no file", []string{"DIXA_WEBHOOK_SECRET=", "DIXA_WEBHOOK_SECRET_FILE=/nonexistent/secret"}, 2, "no such file"},
		{"an empty file", []string{"DIXA_WEBHOOK_SECRET=", file("\n")}, 4, "webhook create"},
	} {
		p := r.start(append([]string{config}, row.env...), "serve", "--listen", "127.0.0.1:0")
		p.ends(row.code)
		if said := p.stderr.String(); !strings.Contains(said, row.says) || strings.Contains(said, "geheim") || strings.Contains(said, "c0ffee") {
			t.Errorf("%s: it says %s", row.name, said)
		}
		if p.stdout.String() != "" {
			t.Errorf("%s: it prints %s", row.name, &p.stdout)
		}
	}
	body := hints(1, longAgo(), r.known())[0].body()
	for _, row := range []struct {
		name             string
		env              []string
		flags            []string
		signed, unsigned int
	}{
		{"from a file", []string{config, "DIXA_WEBHOOK_SECRET=", file(signingSecret + "\n")}, nil, 204, 401},
		{"the second of two", []string{"DIXA_WEBHOOK_SECRET=" + strings.Repeat("ab", 32) + ", " + signingSecret}, nil, 204, 401},
		{"another", []string{"DIXA_WEBHOOK_SECRET=" + strings.Repeat("ab", 32)}, nil, 401, 401},
		{"unsigned", []string{config, "DIXA_WEBHOOK_SECRET="}, []string{"--unsigned"}, 204, 204},
	} {
		serving := r.serve(row.env, row.flags...)
		l := &line{host: serving.host}
		if got, _ := l.exchange(serving.request(body, "")); got != row.signed {
			t.Errorf("%s: a signed event is answered with %d", row.name, got)
		}
		bare := strings.Replace(serving.request(body, ""), "X-DIXA-SIGNATURE", "X-Other", 1)
		if got, _ := l.exchange(bare); got != row.unsigned {
			t.Errorf("%s: an unsigned event is answered with %d", row.name, got)
		}
		l.close()
		serving.stop()
		if warns := strings.Contains(serving.stderr.String(), "whoever sends them"); warns != (row.name == "unsigned") {
			t.Errorf("%s: it says %s", row.name, &serving.stderr)
		}
		r.checkDiscreet(serving, strings.Repeat("ab", 32))
	}
}

func testServeCredentials(t *testing.T, r *rig) {
	const password, token = "kanarie&pass word", "kanarie+token"
	encoded := base64.StdEncoding.EncodeToString([]byte("dixa:" + password))
	body := hints(1, longAgo(), r.known())[0].body()
	for _, row := range []struct{ env, right, wrong string }{
		{"DIXA_WEBHOOK_BASIC=dixa:" + password, "Basic " + encoded, "Basic " + base64.StdEncoding.EncodeToString([]byte("dixa:other"))},
		{"DIXA_WEBHOOK_TOKEN=" + token, "Bearer " + token, "Bearer " + token + "x"},
	} {
		serving := r.serve([]string{row.env}, "--verbose")
		l := &line{host: serving.host}
		for header, want := range map[string]int{
			"Authorization: " + row.right + "\r\n": 204, "Authorization: " + row.wrong + "\r\n": 401, "Authorization: \r\n": 401, "": 401,
		} {
			if got, text := l.exchange(serving.request(body, header)); got != want || text != "" {
				t.Errorf("%q is answered with %d %q", header, got, text)
			}
		}
		// The credentials do not take the place of the signature.
		bare := strings.Replace(serving.request(body, "Authorization: "+row.right+"\r\n"), "X-DIXA-SIGNATURE", "X-Other", 1)
		if got, _ := l.exchange(bare); got != 401 {
			t.Errorf("an unsigned event with %q is answered with %d", row.right, got)
		}
		l.close()
		serving.stop()
		r.checkDiscreet(serving, password, token, encoded)
	}
	p := r.start([]string{"DIXA_WEBHOOK_SECRET=" + signingSecret, "DIXA_WEBHOOK_BASIC=" + password}, "serve")
	p.ends(2)
	if p.says(password) {
		t.Errorf("it says %s", &p.stderr)
	}
}

func testServeBeside(t *testing.T, r *rig) {
	r.link()
	serving := r.serve(nil)
	over := make(chan struct{})
	var sending sync.WaitGroup
	var sent []delivered
	sending.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
				sent = append(sent, serving.send(stream{connections: 8, perSecond: 300}, hints(300, longAgo().Add(time.Duration(i)*time.Hour), r.known()))...)
			}
		}
	})
	var said strings.Builder
	for _, args := range [][]string{
		commandLine("import"), {"status"}, {"push", "--dry-run"}, {"push"}, {"sync"}, {"status", "--json"}, {"verify"}, {"verify", "--dixa"}, commandLine("import"),
		{"push"}, {"sources", "list"}, {"status", "--check", "--max-lag", "1h"},
	} {
		p := r.start(nil, args...)
		p.ends(0)
		said.WriteString(p.stderr.String())
	}
	close(over)
	sending.Wait()
	if n := count(sent, http.StatusNoContent); n != len(sent) {
		t.Errorf("%d of %d events were answered with 204", n, len(sent))
	}
	r.settled(serving)
	serving.stop()
	r.checkKept(sent)
	for _, text := range []string{said.String(), serving.stderr.String()} {
		if strings.Contains(text, "locked") || strings.Contains(text, "busy") {
			t.Errorf("they got into each other's way: %s", text)
		}
	}
	for _, v := range r.plecto.Violations() {
		t.Error(v)
	}
	for kind, uuid := range r.sources {
		if held := len(r.plecto.Registrations(uuid)); held != len(r.records(kind)) {
			t.Errorf("Plecto holds %d %s, not %d", held, kind, len(r.records(kind)))
		}
	}
}
