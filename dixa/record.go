package dixa

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A Record is one conversation, message or activity as Dixa gave it.
type Record struct {
	ID string // a conversation's number in decimal, a message's or activity's UUID
	// CSID is the conversation it belongs to: for a conversation its own id, 0 for another that names none.
	CSID int64
	// CreatedAt and UpdatedAt are Unix milliseconds; UpdatedAt is 0 where there is none, as in every message and activity.
	CreatedAt, UpdatedAt int64
	// AnonymizedAt is when Dixa removed a conversation's content, in Unix milliseconds; 0 where it has not.
	AnonymizedAt int64
	// Assignee is the agent a conversation is assigned to; AdditionalEmails are not known here. Agents who have left the
	// organisation are known from here alone: of an activity's author the log does not say whether it is an agent.
	Assignee Agent
	// RequesterEmail is that of a conversation's customer.
	RequesterEmail string
	// AuthorEmail is that of whoever wrote a message, or did what an activity tells: a customer or an agent.
	AuthorEmail string
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

// lift takes from a record the few values that the import needs. The body is valid JSON, as the decoder has read it.
// It never fails: what is wrong with the record is in its Bad.
func lift(kind Kind, body []byte) Record {
	r := Record{Body: body}
	switch err := r.lift(kind); {
	case err != nil:
		r.Bad = err.Error()
	case r.ID == "":
		r.Bad = "it has no id"
	case r.CreatedAt == 0 && kind == Activities:
		r.Bad = "it has no activityTimestamp"
	case r.CreatedAt == 0:
		r.Bad = "it has no created_at"
	case !utf8.Valid(body):
		r.Bad = "its text is not UTF-8"
	}
	return r
}

func (r *Record) lift(kind Kind) error {
	if len(r.Body) == 0 || r.Body[0] != '{' {
		return errors.New("it is not a JSON object")
	}
	for name, value := range members(r.Body) {
		if value.Kind() == 'n' {
			continue
		}
		var err error
		if kind == Activities {
			err = r.liftLogged(name, value)
		} else {
			err = r.liftExported(name, value)
		}
		if err != nil {
			return fmt.Errorf("its %s is %w", bytes.Trim(name, `"`), err)
		}
	}
	if kind == Conversations && r.ID != "" {
		number, err := strconv.ParseInt(r.ID, 10, 64)
		if err != nil {
			return errors.New("its id is not a number")
		}
		r.CSID = cmp.Or(r.CSID, number)
	}
	return nil
}

// liftExported takes one member of a conversation or message; name has its quotes.
func (r *Record) liftExported(name []byte, value jsontext.Value) (err error) {
	switch string(name) {
	case `"id"`:
		r.ID, err = identity(value)
	case `"csid"`:
		r.CSID, err = integer(value)
	case `"created_at"`:
		r.CreatedAt, err = moment(value)
	case `"updated_at"`:
		r.UpdatedAt, err = moment(value)
	case `"anonymized_at"`:
		r.AnonymizedAt, err = moment(value)
	case `"queued_at"`, `"assigned_at"`, `"closed_at"`, `"last_message_created_at"`:
		_, err = moment(value)
	case `"assignee_id"`:
		r.Assignee.ID, _ = text(value)
	case `"assignee_name"`:
		r.Assignee.DisplayName, _ = text(value)
	case `"assignee_email"`:
		r.Assignee.Email, _ = text(value)
	case `"requester_email"`:
		r.RequesterEmail, _ = text(value)
	case `"author_email"`:
		r.AuthorEmail, _ = text(value)
	}
	return err
}

// liftLogged takes one member of an activity; name has its quotes.
func (r *Record) liftLogged(name []byte, value jsontext.Value) (err error) {
	switch string(name) {
	case `"id"`:
		r.ID, err = identity(value)
	case `"conversationId"`:
		r.CSID, err = integer(value)
	case `"activityTimestamp"`:
		r.CreatedAt, err = timestamp(value)
	case `"author"`:
		if value.Kind() != '{' {
			break
		}
		for name, value := range members(value) {
			if string(name) == `"email"` {
				r.AuthorEmail, _ = text(value)
			}
		}
	}
	return err
}

// members walks the members of a JSON object: the name with its quotes, and the value. It relies on the object being
// valid, which lets it look at each byte once.
func members(object []byte) iter.Seq2[[]byte, jsontext.Value] {
	return func(yield func([]byte, jsontext.Value) bool) {
		var name []byte
		for i := 1; i < len(object); i++ {
			switch object[i] {
			case ' ', '\t', '\r', '\n', ',', ':', '}':
				continue
			}
			end := skip(object, i)
			if name == nil {
				name = object[i:end]
			} else if !yield(name, jsontext.Value(object[i:end])) {
				return
			} else {
				name = nil
			}
			i = end - 1
		}
	}
}

// skip returns the index after the value that begins at i.
func skip(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = closing(b, i)
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of a number or literal before it
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// closing returns the index of the quote that closes the string opened at i: the first that is not escaped, which has an
// even number of backslashes before it.
func closing(b []byte, i int) int {
	for {
		i += 1 + bytes.IndexByte(b[i+1:], '"')
		before := i
		for b[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 {
			return i
		}
	}
}

// moment returns a time in Unix milliseconds; 0 is as good as absent.
func moment(v jsontext.Value) (int64, error) {
	ms, err := integer(v)
	if err == nil && ms != 0 && (ms < earliest || ms >= latest) {
		err = fmt.Errorf("not in milliseconds (%d)", ms)
	}
	return ms, err
}

// timestamp returns the time of an activity in Unix milliseconds. It is written as in Java: RFC 3339 with the zone once
// more in brackets, and without the seconds where they are zero.
// https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/time/ZonedDateTime.html#toString()
func timestamp(v jsontext.Value) (int64, error) {
	s, err := text(v)
	if err != nil {
		return 0, errors.New("not a time")
	}
	s, _, _ = strings.Cut(s, "[")
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04Z07:00", s)
	}
	if err != nil {
		return 0, errors.New("not a time")
	}
	ms := t.UnixMilli()
	if ms < earliest || ms >= latest {
		return 0, fmt.Errorf("not a time of this century (%s)", t.UTC().Format(time.RFC3339))
	}
	return ms, nil
}

// identity returns an id as text: a conversation's is a number, those of the others are text already.
func identity(v jsontext.Value) (string, error) {
	if v.Kind() != '0' {
		return text(v)
	}
	n, err := integer(v)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
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
