package dixatest

import (
	"errors"
	"net/http"
	"time"
)

// errShort is what writing to a reply gives once a Short fault has ended it.
var errShort = errors.New("dixatest: reply cut short")

// reply is the way out for one request: it writes through a buffer, keeps the
// books for the log, and has the body suffer its fault.
type reply struct {
	w      http.ResponseWriter
	r      *http.Request
	server *Server
	entry  *Request

	fault   *Fault // of the body, until it has struck
	extra   *Fault // an element to insert, until it is
	dripped int64  // since the last pause

	code    int
	buf     []byte
	sent    int64 // including what waits in buf
	records int
	err     error // why nothing more is written
	done    bool
}

// bufferSize is how much of a body gathers before it is flushed to the client.
const bufferSize = 32 << 10

func (out *reply) header(key, value string) { out.w.Header().Set(key, value) }

// status sends the head of the reply.
func (out *reply) status(code int) {
	out.code = code
	out.server.mu.Lock()
	out.entry.Status = code
	out.server.mu.Unlock()
	out.w.WriteHeader(code)
}

// suffer has the rest of the reply go wrong as f says.
func (out *reply) suffer(f Fault) {
	switch {
	case f.Do == Insert, f.Do == Huge:
		out.extra = &f
	case f.Do == Short, f.Bytes >= 0 && (f.Do == Cut || f.Do == Stall):
		out.fault = &f
	default:
		out.strike(&f)
	}
	if f.Do == Drip {
		out.fault = &f
	}
}

// strike is the moment that a fault takes effect.
func (out *reply) strike(f *Fault) {
	if out.code != 0 {
		out.flush()
	}
	out.fault = nil
	if f.Hit != nil {
		f.Hit()
	}
	switch f.Do {
	case Cut:
		panic(http.ErrAbortHandler)
	case Short:
		out.err = errShort
	case Stall:
		select {
		case <-f.Release:
		case <-out.r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

func (out *reply) answer(f Fault) {
	for key, values := range f.Header {
		out.w.Header()[http.CanonicalHeaderKey(key)] = values
	}
	out.status(max(f.Status, http.StatusOK))
	out.Write([]byte(f.Body))
	out.whole()
}

// Write adds to the body. A fault strikes when more would be written than it
// lets pass, or at the end of a body that is exactly as long.
func (out *reply) Write(p []byte) (int, error) {
	size := len(p)
	for out.err == nil && out.fault != nil {
		f := out.fault
		if f.Do == Drip {
			return out.drip(f, p)
		}
		room := f.Bytes - out.sent
		if int64(len(p)) <= room {
			break
		}
		out.append(p[:room])
		p = p[room:]
		out.strike(f)
	}
	if out.err != nil {
		return size - len(p), out.err
	}
	out.append(p)
	return size, out.err
}

func (out *reply) append(p []byte) {
	out.buf = append(out.buf, p...)
	out.sent += int64(len(p))
	if len(out.buf) >= bufferSize {
		out.flush()
	}
}

func (out *reply) drip(f *Fault, p []byte) (int, error) {
	size := max(f.Bytes, 1)
	for rest := p; len(rest) > 0 && out.err == nil; {
		n := min(size-out.dripped, int64(len(rest)))
		out.append(rest[:n])
		rest = rest[n:]
		if out.dripped += n; out.dripped == size {
			out.dripped = 0
			out.flush()
			out.pause(f.Interval)
		}
	}
	return len(p), out.err
}

// pause waits, unless the client gives up.
func (out *reply) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-out.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// flush sends what has gathered on to the client.
func (out *reply) flush() {
	if len(out.buf) > 0 && out.err == nil {
		_, out.err = out.w.Write(out.buf)
	}
	out.buf = out.buf[:0]
	if out.err == nil {
		if err := http.NewResponseController(out.w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			out.err = err
		}
	}
}

// whole marks the reply as complete, as far as it could be written.
func (out *reply) whole() {
	if f := out.fault; f != nil && (f.Do == Cut || f.Do == Stall) && out.sent == f.Bytes {
		out.strike(f)
	}
	out.done = true
}

// end sends what is left and makes the log's entry. It runs also when a fault
// breaks the connection.
func (out *reply) end() {
	if len(out.buf) > 0 && out.err == nil {
		_, out.err = out.w.Write(out.buf)
	}
	out.server.mu.Lock()
	defer out.server.mu.Unlock()
	out.entry.Bytes = out.sent
	out.entry.Records = out.records
	out.entry.Whole = out.done && out.err == nil
}
