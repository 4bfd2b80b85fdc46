//go:build !race

// The race detector sees nothing of the program that these tests run.

package main_test

import (
	"net/http"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// TestAReceiverGoesOnWhenTheDiskHasSpaceAgain: while there is none it answers for nothing that it cannot keep.
func TestAReceiverGoesOnWhenTheDiskHasSpaceAgain(t *testing.T) {
	r := newRig(t, build(t), newWorld())
	r.link()
	serving := r.serve(nil)
	all := hints(4000, longAgo(), r.known())
	sent := serving.send(stream{connections: 8}, all[:500])
	if n := count(sent, http.StatusNoContent); n != len(sent) {
		t.Fatalf("%d of %d events were answered with 204", n, len(sent))
	}

	log, err := os.Stat(r.cache + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	serving.limitFiles(uint64(log.Size()))
	var full []delivered
	for len(full) < 2000 && count(full, http.StatusServiceUnavailable) < 100 {
		rest := all[len(sent)+len(full):]
		full = append(full, serving.send(stream{connections: 8}, rest[:100])...)
	}
	if count(full, http.StatusServiceUnavailable) < 100 || count(full, http.StatusServiceUnavailable)+count(full, http.StatusNoContent) != len(full) {
		t.Errorf("on the full disk %d of %d events were answered with 503, %d with 204", count(full, http.StatusServiceUnavailable), len(full), count(full, http.StatusNoContent))
	}
	sent = append(sent, full...)

	serving.limitFiles(^uint64(0))
	serving.until("it takes events again", func() bool {
		one := serving.send(stream{}, all[len(sent):len(sent)+1])
		sent = append(sent, one...)
		return one[0].status == http.StatusNoContent
	})
	again := serving.send(stream{connections: 8}, all[500:]) // Dixa delivers what was refused once more
	if n := count(again, http.StatusNoContent); n != len(again) {
		t.Errorf("with space again %d of %d events were answered with 204", n, len(again))
	}
	r.settled(serving)
	serving.kill()
	r.checkKept(append(sent, again...))
	if held := len(r.plecto.Registrations(r.sources["conversations"])); held != len(r.known()) {
		t.Errorf("Plecto holds %d conversations, not %d", held, len(r.known()))
	}
}

// limitFiles sets how large a file of the receiver's may become, as `ulimit -f` does, while it runs.
func (r *receiver) limitFiles(bytes uint64) {
	r.Helper()
	limit := syscall.Rlimit{Cur: bytes, Max: ^uint64(0)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(r.Process.Pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		r.Fatalf("limiting the size of files: %v", errno)
	}
}
