package dixa

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A Record is one conversation or message as Dixa exported it.
type Record struct {
	ID string // a conversation's number in decimal, a message's UUID
	// CSID is the conversation it belongs to: for a conversation its own id, 0 for a message that names none.
	CSID int64
	// CreatedAt and UpdatedAt are Unix milliseconds; UpdatedAt is 0 where there is none, as in every message.
	CreatedAt, UpdatedAt int64
	// Bad says why the record cannot be used; ID may be empty then. Empty when all is well.
	Bad string
	// Body is the record's JSON, byte for byte.
	Body []byte
}

// Times outside these are not milliseconds: seconds would be in 1970.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// A lifter takes from records the few values that the import needs. It may be used again and again.
type lifter struct {
	dec *jsontext.Decoder
	buf *bytes.Reader
}

// lift never fails: what is wrong with the record is in its Bad.
func (l *lifter) lift(body []byte) Record {
	r := Record{Body: body}
	switch err := l.members(&r); {
	case err != nil:
		r.Bad = err.Error()
	case r.ID == "":
		r.Bad = "it has no id"
	case r.CreatedAt == 0:
		r.Bad = "it has no created_at"
	case !utf8.Valid(body):
		r.Bad = "its text is not UTF-8"
	}
	return r
}

func (l *lifter) members(r *Record) error {
	if len(r.Body) == 0 || r.Body[0] != '{' {
		return fmt.Errorf("it is not a JSON object")
	}
	if l.dec == nil {
		l.buf = bytes.NewReader(r.Body)
		l.dec = jsontext.NewDecoder(l.buf, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	} else {
		l.buf.Reset(r.Body)
		l.dec.Reset(l.buf, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	}
	if _, err := l.dec.ReadToken(); err != nil {
		return err
	}
	var conversation bool // by its id, a number
	for l.dec.PeekKind() != '}' {
		raw, err := l.dec.ReadValue()
		if err != nil {
			return err
		}
		name := known(raw)
		value, err := l.dec.ReadValue()
		if err != nil {
			return err
		}
		if name == "" || value.Kind() == 'n' {
			continue
		}
		switch name {
		case "id":
			if r.ID, err = text(value); err != nil {
				return fmt.Errorf("its id is %w", err)
			}
			conversation = value.Kind() == '0'
		case "csid":
			if r.CSID, err = integer(value); err != nil {
				return fmt.Errorf("its csid is %w", err)
			}
		default:
			ms, err := integer(value)
			if err != nil {
				return fmt.Errorf("its %s is %w", name, err)
			}
			if ms == 0 {
				continue // as good as absent
			}
			if ms < earliest || ms >= latest {
				return fmt.Errorf("its %s (%d) is not in milliseconds", name, ms)
			}
			switch name {
			case "created_at":
				r.CreatedAt = ms
			case "updated_at":
				r.UpdatedAt = ms
			}
		}
	}
	if conversation && r.CSID == 0 {
		r.CSID, _ = strconv.ParseInt(r.ID, 10, 64)
	}
	return nil
}

// known returns a member's name without its quotes where the lifter looks at it, else nothing. It looks at the ids and
// at the times that decide what a record means.
func known(raw []byte) string {
	switch string(raw) {
	case `"id"`:
		return "id"
	case `"csid"`:
		return "csid"
	case `"created_at"`:
		return "created_at"
	case `"updated_at"`:
		return "updated_at"
	case `"queued_at"`:
		return "queued_at"
	case `"assigned_at"`:
		return "assigned_at"
	case `"closed_at"`:
		return "closed_at"
	case `"anonymized_at"`:
		return "anonymized_at"
	case `"last_message_created_at"`:
		return "last_message_created_at"
	}
	return ""
}

// text returns a string or a number as text.
func text(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case '"':
		s, err := jsontext.AppendUnquote(nil, v)
		return string(s), err
	case '0':
		return string(v), nil
	}
	return "", fmt.Errorf("neither text nor a number")
}

// integer returns a whole number, also one written as text or with a fraction of zero.
func integer(v jsontext.Value) (int64, error) {
	s, err := text(v)
	if err != nil {
		return 0, fmt.Errorf("not a number")
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		s = whole
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("not a whole number")
	}
	return n, nil
}
