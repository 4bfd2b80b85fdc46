package dixatest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// fetch asks over a real connection and does not follow redirects.
func fetch(t *testing.T, s *dixatest.Server, path string) (*http.Response, []byte, error) {
	t.Helper()
	ts := httptest.NewServer(s)
	defer ts.Close()
	return over(t.Context(), ts, path)
}

func over(ctx context.Context, ts *httptest.Server, path string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.URL+path, nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header = request(path).Header
	client := *ts.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestACutBodyLooksBroken(t *testing.T) {
	s := small(t)
	whole := get(s, allMessages()).Body.String()
	for n := range len(whole) + 1 {
		s.Heal()
		s.Fault(dixatest.Fault{Do: dixatest.Cut, Bytes: int64(n)})
		resp, body, err := fetch(t, s, allMessages())
		if !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != 200 || string(body) != whole[:n] {
			t.Fatalf("cut after %d bytes: %q, %v", n, body, err)
		}
		entry := last(s)
		if entry.Bytes != int64(n) || entry.Whole || entry.Records != strings.Count(whole[:n], "}") {
			t.Errorf("cut after %d bytes the log has %+v", n, entry)
		}
	}
}

func last(s *dixatest.Server) dixatest.Request {
	log := s.Requests()
	return log[len(log)-1]
}

func TestAShortBodyEndsInGoodOrder(t *testing.T) {
	s := small(t)
	whole := get(s, allMessages()).Body.String()
	for n := range len(whole) + 1 {
		s.Heal()
		s.Fault(dixatest.Fault{Do: dixatest.Short, Bytes: int64(n)})
		resp, body, err := fetch(t, s, allMessages())
		if err != nil || resp.StatusCode != 200 || string(body) != whole[:n] {
			t.Fatalf("shortened to %d bytes: %q, %v", n, body, err)
		}
		if entry := last(s); entry.Whole != (n == len(whole)) || entry.Bytes != int64(n) {
			t.Errorf("shortened to %d of %d bytes the log has %+v", n, len(whole), entry)
		}
	}
}

func TestAShortReplyOfTheDixaAPIIsNotWhole(t *testing.T) {
	s := small(t)
	s.Fault(dixatest.Fault{Do: dixatest.Short, Bytes: 9})
	if body := get(s, "/v1/organization").Body.String(); len(body) != 9 || last(s).Whole {
		t.Errorf("the reply is %q, the log has %+v", body, last(s))
	}
}

func TestAReplyBeginsBeforeItsFirstRow(t *testing.T) {
	s, begun := small(t), make(chan struct{})
	s.Fault(dixatest.Fault{Do: dixatest.Insert, Body: "{}", Hit: func() { <-begun }})
	ts := httptest.NewServer(s)
	defer ts.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ts.URL+allMessages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = request(allMessages()).Header
	resp, err := ts.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	bracket := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, bracket); err != nil || bracket[0] != '[' {
		t.Errorf("the reply begins with %q, %v", bracket, err)
	}
	close(begun)
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
}

func TestTheConnectionMayBreakBeforeAnyReply(t *testing.T) {
	s := small(t)
	s.Fault(dixatest.Fault{Do: dixatest.Cut, Bytes: -1})
	if resp, _, err := fetch(t, s, "/v1/organization"); err == nil {
		t.Errorf("answered %v", resp)
	}
	if entry := last(s); entry.Status != 0 || entry.Whole {
		t.Errorf("the log has %+v", entry)
	}
}

func TestAStallEndsWithTheRequest(t *testing.T) {
	for _, n := range []int64{-1, 0, 30} {
		s := small(t)
		ctx, cancel := context.WithCancel(t.Context())
		s.Fault(dixatest.Fault{Do: dixatest.Stall, Bytes: n, Hit: cancel})
		ts := httptest.NewServer(s)
		if _, _, err := over(ctx, ts, allMessages()); !errors.Is(err, context.Canceled) {
			t.Errorf("stalled after %d bytes: %v", n, err)
		}
		ts.Close() // waits for the handler
		if entry := last(s); entry.Whole || entry.Bytes != max(n, 0) {
			t.Errorf("stalled after %d bytes the log has %+v", n, entry)
		}
	}
}

func TestAReleasedStallGoesOn(t *testing.T) {
	for _, n := range []int64{-1, 0, 30, 100} {
		s, release := small(t), make(chan struct{})
		s.Fault(dixatest.Fault{Do: dixatest.Stall, Bytes: n, Release: release, Hit: func() { close(release) }})
		_, body, err := fetch(t, s, allMessages())
		if err != nil || len(decode[lifted](t, body)) != 3 || !last(s).Whole {
			t.Errorf("stalled after %d bytes and released: %q, %v, %+v", n, body, err, last(s))
		}
	}
}

func TestWhatAStallLetPassCanBeReadMeanwhile(t *testing.T) {
	s, release := small(t), make(chan struct{})
	s.Fault(dixatest.Fault{Do: dixatest.Stall, Bytes: 40, Release: release})
	ts := httptest.NewServer(s)
	defer ts.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ts.URL+allMessages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := ts.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 40)); err != nil {
		t.Error(err)
	}
	if entry := last(s); entry.Status != 200 || entry.Whole {
		t.Errorf("under way the log has %+v", entry)
	}
	close(release)
	if rest, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(rest), "]") {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	if got := resp.TransferEncoding; len(got) != 1 || got[0] != "chunked" {
		t.Errorf("the transfer is %v, want chunked", got)
	}
}

func TestADripSendsALittleAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		s.Fault(dixatest.Fault{Do: dixatest.Drip, Bytes: 10, Interval: time.Second})
		here, there := net.Pipe()
		served := make(chan struct{})
		server := http.Server{Handler: s}
		listener := &pipe{conns: make(chan net.Conn, 1)}
		listener.conns <- there
		go func() {
			defer close(served)
			server.Serve(listener)
		}()
		begun := time.Now()
		r := request(allMessages())
		r.Host = "example.com"
		go r.Write(here)
		resp, err := http.ReadResponse(bufio.NewReader(here), r)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for buf := make([]byte, 64); err == nil; {
			var n int
			n, err = resp.Body.Read(buf)
			size += n
			if most := 10 * (int(time.Since(begun).Seconds()) + 1); size > most {
				t.Fatalf("%d bytes after %v, want at most %d", size, time.Since(begun), most)
			}
		}
		if took := time.Since(begun); err != io.EOF || took != time.Duration(size/10)*time.Second {
			t.Errorf("%d bytes took %v, %v", size, took, err)
		}
		here.Close()
		server.Close()
		<-served
	})
}

// pipe is a listener on connections made beforehand.
type pipe struct{ conns chan net.Conn }

func (p *pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p *pipe) Close() error   { close(p.conns); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{} }

func TestAClientThatLeavesEndsTheReply(t *testing.T) {
	s := &dixatest.Server{Bulk: &dixatest.Bulk{Messages: 200_000, Conversations: 40_000, From: start, To: start.AddDate(0, 0, 30)}}
	ts := httptest.NewServer(s)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.URL+between("message_export", "created", hour(0), hour(24*30)), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	resp, err := ts.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	cancel()
	resp.Body.Close()
	ts.Close()
	if entry := last(s); entry.Whole || entry.Records == 200_000 {
		t.Errorf("the log has %+v", entry)
	}
}
