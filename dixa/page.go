package dixa

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// maxEmpty is how many empty pages in a row may each lead to another: that an empty page ends a list is not documented,
// nor that every list has an end.
const maxEmpty = 10

// empty stands before a key once for each empty page that led to it.
const empty = "\x00"

// page asks for one page of one of the Dixa API's lists: the first with an empty key, then each with the key that came
// with the last. A page without a next ends the list, and so does an empty one that leads nowhere new or is one too many.
func page[T any](ctx context.Context, c *Client, what, path string, query map[string]string, key string) (elements []T, next string, err error) {
	asked := strings.TrimLeft(key, empty)
	if asked != "" {
		query["pageKey"] = asked
	}
	var reply struct {
		Data []T
		Meta struct{ Next string }
	}
	if err := c.call(ctx, request{what: what, path: path, query: query}, &reply); err != nil {
		return nil, "", err
	}
	if reply.Data == nil {
		return nil, "", fmt.Errorf("dixa: reading %s: %w: a page without data", what, ErrUnavailable)
	}
	if reply.Meta.Next == "" {
		return reply.Data, "", nil
	}
	// Only the key is taken from the address: the token goes nowhere but to the host it was given for.
	link, err := url.Parse(reply.Meta.Next)
	if err == nil {
		next = link.Query().Get("pageKey")
	}
	fresh := next != "" && next != asked
	if len(reply.Data) > 0 {
		if !fresh {
			return nil, "", fmt.Errorf("dixa: reading %s: the next page has no pageKey of its own", what)
		}
		return reply.Data, next, nil
	}
	before := key[:len(key)-len(asked)] + empty
	if !fresh || len(before) > maxEmpty {
		return reply.Data, "", nil
	}
	return reply.Data, before + next, nil
}
