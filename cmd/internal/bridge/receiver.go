package bridge

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// A Receiver takes Dixa's webhooks at HookPath. It answers when the event is on the disk, and asks nobody before that.
// What it answers tells nothing of what is here: 204, or the status of what is wrong without a word.
type Receiver struct {
	Live *Live
	// Secrets are those that events may be signed with; none takes events that are not signed.
	Secrets dixa.Secrets
	// Authorization is asked for in addition; its zero value asks for none.
	Authorization dixa.Authorization
	// Observe is told of each request to the hook: the event's type, empty where none was read, the status and how long the
	// answer took. It may be nil.
	Observe func(eventType string, status int, fresh bool, took time.Duration)

	large chan struct{}
}

const (
	// maxEvent is the most bytes that an event may have.
	maxEvent = 1 << 20
	// smallEvent is what every request may send; of larger ones only so many are read at a time.
	smallEvent  = 64 << 10
	largeEvents = 16
)

// Register adds the receiver to a mux.
func (r *Receiver) Register(mux *http.ServeMux) {
	r.large = make(chan struct{}, largeEvents)
	mux.Handle("/admin/data-sources/dixa/{connection}/hook/{$}", r)
	mux.Handle("/admin/data-sources/dixa/{connection}/hook", r)
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	began := time.Now()
	e, fresh, status := r.receive(w, req)
	switch status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	if r.Observe != nil {
		r.Observe(e.Type, status, fresh, time.Since(began))
	}
}

func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) (e dixa.Event, fresh bool, status int) {
	connection, _ := ParseUUID(req.PathValue("connection"))
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case connection != r.Live.Store.Connection():
		return e, false, http.StatusNotFound
	case req.Method != http.MethodPost:
		return e, false, http.StatusMethodNotAllowed
	case err != nil || media != "application/json":
		return e, false, http.StatusUnsupportedMediaType
	case !r.authorized(req):
		return e, false, http.StatusUnauthorized
	}
	body, status := r.read(w, req)
	if status != 0 {
		return e, false, status
	}
	if len(r.Secrets) > 0 {
		if _, err := r.Secrets.Verify(req.Header.Values(dixa.SignatureHeader), body, time.Now()); err != nil {
			return e, false, http.StatusUnauthorized
		}
	}
	if e, err = dixa.ParseEvent(body); err != nil {
		return e, false, http.StatusBadRequest
	}
	fresh, err = r.Live.Receive(e)
	if err != nil {
		return e, false, http.StatusServiceUnavailable
	}
	return e, fresh, http.StatusNoContent
}

// read returns the body, or the status to refuse it with.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request) (body []byte, status int) {
	if req.ContentLength > maxEvent {
		return nil, http.StatusRequestEntityTooLarge
	}
	limited := http.MaxBytesReader(w, req.Body, maxEvent)
	body, err := io.ReadAll(io.LimitReader(limited, smallEvent))
	if err == nil && len(body) == smallEvent {
		select {
		case r.large <- struct{}{}:
			defer func() { <-r.large }()
		default:
			return nil, http.StatusServiceUnavailable
		}
		var rest []byte
		rest, err = io.ReadAll(limited)
		body = append(body, rest...)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest
	}
	return body, 0
}

// authorized reports whether a request carries the credentials asked for.
func (r *Receiver) authorized(req *http.Request) bool {
	a := r.Authorization
	if a == (dixa.Authorization{}) {
		return true
	}
	if user, password, ok := req.BasicAuth(); ok && a.Username+a.Password != "" {
		return equal(user, a.Username)&equal(password, a.Password) == 1
	}
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "bearer") && a.Token != "" && equal(token, a.Token) == 1
}

// equal compares two texts in a time that tells nothing of either.
func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}
