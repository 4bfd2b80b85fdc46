package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A serviceManager hears what is sent to the socket of NOTIFY_SOCKET.
type serviceManager struct{ conn *net.UnixConn }

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	address := &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", address.Name)
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	return &serviceManager{conn}
}

// heard returns what was sent until now: a datagram waits in the socket once it is sent.
func (m *serviceManager) heard(t *testing.T) []string {
	t.Helper()
	raw, err := m.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	err = raw.Read(func(fd uintptr) bool {
		for {
			buf := make([]byte, 4096)
			n, _, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			all = append(all, string(buf[:n]))
		}
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	return all
}

// told runs a receiver for ten minutes and a second, and returns what was said on standard error.
func told(t *testing.T, alive func() bool) string {
	t.Helper()
	var stderr bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		stopping := notifyReady(t.Context(), slog.New(slog.NewTextHandler(&stderr, nil)), alive)
		time.Sleep(10*time.Minute + time.Second)
		stopping()
	})
	return stderr.String()
}

func TestTheServiceManagerIsToldOfStartLifeAndEnd(t *testing.T) {
	m := newServiceManager(t)
	t.Setenv("WATCHDOG_USEC", "300000000")
	if said := told(t, func() bool { return true }); said != "" {
		t.Error(said)
	}
	beat := "WATCHDOG=1"
	if got, want := m.heard(t), []string{"READY=1", beat, beat, beat, beat, "STOPPING=1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTheWatchdogHearsNothingOfAWorkerThatHangs(t *testing.T) {
	m := newServiceManager(t)
	t.Setenv("WATCHDOG_USEC", "300000000")
	asked := 0
	told(t, func() bool { asked++; return asked == 2 })
	if got, want := m.heard(t), []string{"READY=1", "WATCHDOG=1", "STOPPING=1"}; !slices.Equal(got, want) || asked != 4 {
		t.Errorf("%q, want %q; asked %d times", got, want, asked)
	}
}

func TestNobodyBeatsAWatchdogThatIsNotTheirs(t *testing.T) {
	for name, variables := range map[string][2]string{
		"none":              {"", ""},
		"another process's": {"300000000", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newServiceManager(t)
			t.Setenv("WATCHDOG_USEC", variables[0])
			t.Setenv("WATCHDOG_PID", variables[1])
			told(t, func() bool { t.Error("asked"); return true })
			if got, want := m.heard(t), []string{"READY=1", "STOPPING=1"}; !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestWithoutAServiceManagerNothingIsSaid(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	if said := told(t, func() bool { t.Error("asked"); return true }); said != "" {
		t.Error(said)
	}
}

func TestAServiceManagerThatCannotBeToldIsAWarning(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	t.Setenv("WATCHDOG_USEC", "soon")
	said := told(t, func() bool { return true })
	if got := strings.Count(said, "level=WARN"); got != 3 || !strings.Contains(said, "gone") || !strings.Contains(said, "WATCHDOG_USEC") {
		t.Error(said)
	}
}
