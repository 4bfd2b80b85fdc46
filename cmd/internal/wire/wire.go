// Package wire lets a test speak HTTP to a handler without a socket, over the real client and server of net/http. It is
// for tests whose time is simulated: goroutines that wait on a socket would hold a testing/synctest bubble's clock still,
// those that wait on a pipe do not.
package wire

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
)

// Serve returns a client whose requests all go to h, whatever host they name; tell several apart by the host in a
// http.ServeMux pattern. Client and server end with the test; a handler must return when its request's context does.
func Serve(tb testing.TB, h http.Handler) *http.Client {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	// A handler may break a connection on purpose, which is no news.
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	transport := &http.Transport{DialContext: l.dial}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l)
	}()
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		<-served
	})
	return &http.Client{Transport: transport}
}

// A listener accepts what its own dial connects.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server.
func (l *listener) Close() error {
	close(l.closed)
	return nil
}

// Addr names no place: a pipe has none.
func (*listener) Addr() net.Addr { return new(net.UnixAddr) }
