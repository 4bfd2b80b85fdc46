package dixa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A Kind is one kind of record.
type Kind string

// The kinds there are. The first two come from the Exports API, with [Client.Export]; activities come from the Dixa API's
// activity log, with [Client.Activities]. https://docs.dixa.io/openapi/exports-api, https://docs.dixa.io/openapi/dixa-api
const (
	Conversations Kind = "conversations"
	Messages      Kind = "messages"
	Activities    Kind = "activities"
)

// By is the time that an export filters on.
type By string

// Messages can be asked for by creation only. https://docs.dixa.io/docs/exports-api-guide
const (
	Created By = "created"
	Updated By = "updated"
)

// An Export is one request to the Exports API, which knows no activities.
type Export struct {
	Kind   Kind
	By     By
	Window Window
	// CSIDs ask for these conversations, whatever their times: By and Window count for nothing then. How many Dixa takes at
	// once is not documented.
	CSIDs []int64
}

func (e Export) path() (string, error) {
	switch {
	case e.Kind == Conversations:
		return "/conversation_export", nil
	case e.Kind == Messages && len(e.CSIDs) > 0:
		return "", fmt.Errorf("dixa: asking for %s: they are not exported by conversation", e.Kind)
	case e.Kind == Messages:
		return "/message_export", nil
	}
	return "", fmt.Errorf("dixa: asking for %s: they are not exported", e.Kind)
}

// query gives the bounds in Unix milliseconds, one wider than the window at each end: whether they are inclusive is not
// documented, and this is whole either way.
func (e Export) query() map[string]string {
	if len(e.CSIDs) > 0 {
		var list []byte
		for _, csid := range e.CSIDs {
			list = append(strconv.AppendInt(list, csid, 10), ',')
		}
		return map[string]string{"csids": string(list[:len(list)-1])}
	}
	return map[string]string{
		string(e.By) + "_after":  strconv.FormatInt(e.Window.From.UnixMilli()-1, 10),
		string(e.By) + "_before": strconv.FormatInt(e.Window.To.UnixMilli()+1, 10),
	}
}

// MaxRecord is the most bytes that one record may have; a larger one ends the export with an error.
const MaxRecord = 16 << 20

// Export asks for one window, or for some conversations, and yields the records as they arrive, in no order, some perhaps
// twice and some from just outside the window. At most one record is in memory at a time, whose Body is valid until the next.
//
// The sequence ends without an error only after the closing bracket of the array was read: then nothing is missing.
// Otherwise it ends with the error, after whatever records had come. It can be walked once.
func (c *Client) Export(ctx context.Context, e Export) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		path, err := e.path()
		if err != nil {
			yield(Record{}, err)
			return
		}
		w, err := c.do(ctx, c.exports, request{what: string(e.Kind), path: path, query: e.query()})
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer w.stop()
		if err := c.decode(w, e.Kind, yield); err != nil {
			yield(Record{}, fmt.Errorf("dixa: reading %s: %w", e.Kind, err))
		}
	}
}

// decode walks an export of a kind. It returns nil when the caller has enough.
func (c *Client) decode(body io.Reader, kind Kind, yield func(Record, error) bool) error {
	r := &limited{r: body, left: MaxRecord}
	// Bad text in one record must not end the others: Record looks at it by itself.
	dec := jsontext.NewDecoder(r, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '[' {
		if _, err := dec.ReadToken(); err == io.EOF || r.err != nil {
			return r.cut(err)
		}
		io.CopyN(io.Discard, r, maxQuoted) // for the head
		return fmt.Errorf("%w: not a JSON array, but %s", ErrUnavailable, c.form(request{}, r.head))
	}
	if _, err := dec.ReadToken(); err != nil {
		return r.cut(err)
	}
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return r.cut(err)
		}
		r.left = MaxRecord
		if !yield(lift(kind, value), nil) {
			return nil
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return r.cut(err)
	}
	// The array is whole now. Anything but its end would mean that it was not an export after all; that the
	// connection breaks here does not matter.
	_, err := dec.ReadToken()
	if _, garbage := errors.AsType[*jsontext.SyntacticError](err); err == nil || garbage {
		return fmt.Errorf("%w: more follows after the array", ErrBroken)
	}
	return nil
}

var errTooLarge = fmt.Errorf("a record is larger than %d MiB", MaxRecord>>20)

// limited reads at most left bytes before left is set again. It remembers how the reply began, and what it failed with.
type limited struct {
	r    io.Reader
	left int
	head []byte
	err  error
}

// cut says of an export that it was not JSON or ended too early, unless there was a reason beneath.
func (l *limited) cut(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		// Without the names that lead to the place: where the JSON is broken, one may be anything.
		err = fmt.Errorf("%w after %d bytes", e.Err, e.ByteOffset)
	}
	return cmp.Or(l.err, fmt.Errorf("%w: %w", ErrBroken, err))
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.err = errTooLarge
		return 0, l.err
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	if err != io.EOF {
		l.err = err
	}
	l.left -= n
	if room := maxQuoted - len(l.head); room > 0 {
		l.head = append(l.head, p[:min(n, room)]...)
	}
	return n, err
}
