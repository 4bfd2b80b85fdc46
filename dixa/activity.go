package dixa

import (
	"context"
	"encoding/json"
	"time"
)

// Activities asks for one page of a window's activities: the first with an empty key, then each with the key that came
// with the last. An empty next ends the window: then, and not before, nothing is missing. A page may be empty
// and not be the last. Records come in no order, some
// perhaps twice and some from just outside the window; their bodies are the caller's to keep.
// https://docs.dixa.io/openapi/dixa-api
func (c *Client) Activities(ctx context.Context, w Window, key string) (records []Record, next string, err error) {
	// Whether the bounds are inclusive is not documented, nor whether they may have a fraction of a second: whole ones,
	// a second wider than the window at each end, are whole either way.
	elements, next, err := page[json.RawMessage](ctx, c, string(Activities), "/conversations/activitylog", map[string]string{
		"fromDatetime": w.From.Truncate(time.Second).Add(-time.Second).UTC().Format(time.RFC3339),
		"toDatetime":   w.To.Add(time.Second - 1).Truncate(time.Second).Add(time.Second).UTC().Format(time.RFC3339),
		"pageLimit":    "1000",
	}, key)
	for _, element := range elements {
		records = append(records, lift(Activities, element))
	}
	return records, next, err
}
