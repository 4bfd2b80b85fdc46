package plecto

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A list is one page of one.
type list[T any] struct {
	items []T
	count int  // of the whole list, -1 where it is not told
	more  bool // another page follows
	told  bool // whether it says so
}

// get asks for one page of a list, and may add to the query. The first goes without a number, since not every list may
// know pages; a page after the last is empty, though Django REST framework answers it with 404.
func get[T any](ctx context.Context, c *Client, what, path string, query map[string]string, page int) (list[T], error) {
	if page > 1 {
		query["page"] = strconv.Itoa(page)
	}
	reply, err := c.send(ctx, "asking for the "+what, http.MethodGet, path, query, nil)
	if page > 1 && errors.Is(err, ErrNotFound) {
		return list[T]{count: -1, told: true}, nil
	}
	if err != nil {
		return list[T]{}, err
	}
	l, err := parse[T](reply)
	if err != nil {
		kind := ErrUnavailable // it was cut off, or something else speaks in Plecto's place
		if json.Valid(reply) {
			kind = ErrUnreadable
		}
		return list[T]{}, fmt.Errorf("plecto: reading the %s: %w: what came is %s", what, kind, form(reply))
	}
	return l, nil
}

// parse reads a bare array or one in an envelope: which of the two Plecto sends is not documented. The envelope is that of
// https://www.django-rest-framework.org/api-guide/pagination/
func parse[T any](reply []byte) (list[T], error) {
	l := list[T]{count: -1}
	if bytes.HasPrefix(bytes.TrimLeft(reply, " \t\r\n"), []byte("[")) {
		err := json.Unmarshal(reply, &l.items)
		return l, err
	}
	var envelope struct {
		Count, Next json.RawMessage
		Results     *[]T
	}
	if err := json.Unmarshal(reply, &envelope); err != nil {
		return l, err
	}
	if envelope.Results == nil {
		return l, errors.New("no list")
	}
	l.items = *envelope.Results
	if n, err := strconv.Atoi(string(envelope.Count)); err == nil && n >= 0 {
		l.count = n
	}
	next := string(envelope.Next)
	l.told = next != ""
	l.more = l.told && next != "null" && next != "false" && next != `""`
	return l, nil
}

// An object is one as Plecto sent it, numbers as [json.Number].
type object map[string]any

// UnmarshalJSON refuses what is not an object, null apart.
func (o *object) UnmarshalJSON(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode((*map[string]any)(o))
}

// text returns the first of some members that is text, and not empty, or a number.
func (o object) text(keys ...string) string {
	for _, key := range keys {
		switch v := o[key].(type) {
		case string:
			if v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// uuid returns the first of some members that is a UUID, in Plecto's spelling. A key of the database may stand beside it.
func (o object) uuid(keys ...string) string {
	for _, key := range keys {
		uuid := strings.ToLower(strings.ReplaceAll(o.text(key), "-", ""))
		if digits, err := hex.DecodeString(uuid); err == nil && len(digits) == 16 {
			return uuid
		}
	}
	return ""
}
