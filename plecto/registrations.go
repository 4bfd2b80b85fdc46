package plecto

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxBatch is the most registrations that one request may hold.
// https://docs.plecto.com/kb/guide/en/api-limits-vFN7INmk9g/Steps/
const MaxBatch = 100

// A Registration is one row of a data source. Sending one with the external id of another replaces that one whole, so
// it always carries every field.
// https://docs.plecto.com/kb/guide/en/data-model-ogjh1WAsLY/Steps/2277499
type Registration struct {
	DataSource string // UUID, 32 hex digits
	ExternalID string
	Date       time.Time // sent in UTC, to the second
	// The member it belongs to: the system they come from, their id there, and their name.
	MemberProvider, MemberID, MemberName string
	Fields                               []Field
}

// A Field is one value of a registration under the field's name in Plecto: a string, an int64, a float64, a bool, a
// time.Time or nil for none.
type Field struct {
	Name  string
	Value any
}

// AppendJSON appends the registration as Plecto takes it, its keys always in the same order.
func (r Registration) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	b = appendPair(b, "data_source", r.DataSource)
	b = appendPair(b, "external_id", r.ExternalID)
	b = appendPair(b, "date", r.Date)
	b = appendPair(b, "member_api_provider", r.MemberProvider)
	b = appendPair(b, "member_api_id", r.MemberID)
	b = appendPair(b, "member_name", r.MemberName)
	for _, f := range r.Fields {
		b = appendPair(b, f.Name, f.Value)
	}
	return append(b, '}')
}

func appendPair(b []byte, name string, value any) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = appendText(b, name)
	b = append(b, ':')
	switch v := value.(type) {
	case string:
		return appendText(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			break // JSON has none
		}
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case bool:
		return strconv.AppendBool(b, v)
	case time.Time:
		if v.IsZero() {
			return append(b, "null"...)
		}
		// What a time without an offset means is not documented.
		b = append(b, '"')
		b = v.UTC().AppendFormat(b, "2006-01-02T15:04:05+00:00")
		return append(b, '"')
	}
	return append(b, "null"...)
}

// appendText appends a JSON string. Text that is not UTF-8 is mended on the way, as JSON knows no other.
func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// Register creates or replaces registrations, MaxBatch at most. Plecto may refuse them all for the sake of one.
func (c *Client) Register(ctx context.Context, rows []Registration) error {
	body := []byte{'['}
	for i, r := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = r.AppendJSON(body)
	}
	_, err := c.send(ctx, "sending registrations", http.MethodPost, "/registrations/", nil, append(body, ']'))
	return err
}
