package bridge

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// An object is a record's JSON object by member. Its accessors take absent, null and any type: Dixa documents
// types, and its consumers have met others.
type object map[string]jsontext.Value

// parse reads a record. The last of two with one name counts.
func parse(body string) (object, error) {
	dec := jsontext.NewDecoder(bytes.NewBufferString(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, fmt.Errorf("bridge: reading a record: it is not a JSON object")
	}
	o := make(object, 48)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("bridge: reading a record: %w", err)
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("bridge: reading a record: %w", err)
		}
		o[key] = value.Clone()
	}
	return o, nil
}

// text returns a member as text: a list as its elements with commas between, an object as nothing.
func (o object) text(key string) string { return textOf(o[key]) }

func textOf(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, v)
		return string(text)
	case '0', 't', 'f':
		return string(v)
	case '[':
		var all []string
		for e := range elementsOf(v) {
			if text := textOf(e); text != "" {
				all = append(all, text)
			}
		}
		return strings.Join(all, ", ")
	}
	return ""
}

// is reports whether a member is a word, in whatever case.
func (o object) is(key, word string) bool { return strings.EqualFold(o.text(key), word) }

// inner returns a member that is an object; nothing where it is none.
func (o object) inner(key string) object {
	if v := o[key]; v.Kind() == '{' {
		in, _ := parse(string(v))
		return in
	}
	return nil
}

// elementsOf are the elements of a list; nothing where it is none.
func elementsOf(v jsontext.Value) iter.Seq[jsontext.Value] {
	return func(yield func(jsontext.Value) bool) {
		if v.Kind() != '[' {
			return
		}
		dec := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
		for _, err := dec.ReadToken(); err == nil && dec.PeekKind() != ']'; {
			var e jsontext.Value
			if e, err = dec.ReadValue(); err == nil && !yield(e.Clone()) {
				return
			}
		}
	}
}

// elements are those elements of a list that are objects.
func elements(v jsontext.Value) iter.Seq[object] {
	return func(yield func(object) bool) {
		for e := range elementsOf(v) {
			if e.Kind() != '{' {
				continue
			}
			if one, err := parse(string(e)); err == nil && !yield(one) {
				return
			}
		}
	}
}

// typed returns a member as a value of a type, nil where it is none.
func (o object) typed(key string, t Type) any {
	switch t {
	case Number:
		return o.number(key)
	case Time:
		return o.time(key)
	case YesNo:
		return o.yesNo(key)
	}
	return orNone(o.text(key))
}

// number returns a member as an int64 or a float64, nil where it is none.
func (o object) number(key string) any {
	text := o.text(key)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f-f == 0 { // neither infinite nor not a number
		return f
	}
	return nil
}

// millis returns a member that is a time in Unix milliseconds, 0 where it is none.
func (o object) millis(key string) int64 {
	switch ms := o.number(key).(type) {
	case int64:
		return ms
	case float64:
		return int64(ms)
	}
	return 0
}

// time returns a member in Unix milliseconds as a time.Time, nil where it is none.
func (o object) time(key string) any {
	if ms := o.millis(key); ms != 0 {
		return time.UnixMilli(ms)
	}
	return nil
}

// yesNo returns a member as a bool, nil where it is none.
func (o object) yesNo(key string) any {
	switch strings.ToLower(o.text(key)) {
	case "true", "1", "yes":
		return true
	case "false", "0", "no":
		return false
	}
	return nil
}
