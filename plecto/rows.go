package plecto

import (
	"context"
	"encoding/json"
	"time"
)

// A Row is a registration as Plecto shows it.
type Row struct {
	UUID, DataSource string // 32 hex digits, empty where Plecto shows something else
	ExternalID       string
	// Date is as Plecto shows it, in a form and zone that are not documented.
	Date string
	// MemberProvider and MemberID are the account that it was sent with, empty where Plecto does not show it.
	MemberProvider, MemberID string
	// Values are those of the fields by name: what JSON has, numbers as [json.Number]. A key that Plecto adds of its own
	// and that is not known here is among them; it is empty where Plecto shows no values.
	Values map[string]any
}

// nested are the members that the values of fields may stand in, an object or a list of names and values. Plecto
// documents no shape for reading.
var nested = [...]string{"fields", "custom_fields", "values", "data"}

// UnmarshalJSON takes what can be read of a row.
func (r *Row) UnmarshalJSON(body []byte) error {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	*r = Row{
		UUID: o.uuid("uuid", "id"), DataSource: o.uuid("data_source"),
		ExternalID: o.text("external_id", "reference"), Date: o.text("date"),
		MemberProvider: o.text("member_api_provider"), MemberID: o.text("member_api_id"),
	}
	for _, key := range [...]string{
		"uuid", "id", "data_source", "external_id", "reference", "date", "team",
		"member", "member_name", "member_api_provider", "member_api_id",
	} {
		delete(o, key)
	}
	var inner []map[string]any
	for _, key := range nested {
		if values, ok := named(o[key]); ok {
			inner = append(inner, values)
			delete(o, key)
		}
	}
	if r.Values = o; o == nil {
		r.Values = make(map[string]any)
	}
	for _, values := range inner {
		for name, v := range values {
			if _, taken := r.Values[name]; !taken {
				r.Values[name] = v
			}
		}
	}
	return nil
}

// named returns values by name, and whether v holds such.
func named(v any) (map[string]any, bool) {
	if values, ok := v.(map[string]any); ok {
		return values, true
	}
	fields, ok := v.([]any)
	values := make(map[string]any, len(fields))
	for _, f := range fields {
		field, _ := f.(map[string]any)
		name, value := object(field).text("name", "title"), field["value"]
		if name == "" {
			return nil, false
		}
		values[name] = value
	}
	return values, ok
}

// A Query asks for registrations.
type Query struct {
	DataSource string // UUID
	// From and To are bounds, to the second, where they are not zero. Whether they take in the rows of that very second,
	// and whether they are about a row's date or the time of its writing, Plecto does not document.
	From, To   time.Time
	ExternalID string // all rows where it is empty
	Page       int    // counted from 1; 0 is the first, too
}

// A Page is one of the pages of rows.
type Page struct {
	Rows  []Row
	Count int // of the rows on all pages, -1 where Plecto does not tell
	// More says that another page may follow: one does, or Plecto does not tell and this one has rows. A server that
	// knows no pages gives the same one again and again.
	More bool
}

// Registrations asks for one page of registrations. One after the last is empty.
// https://docs.plecto.com/kb/guide/en/overview-of-plecto-api-endpoints-Qvm3c3ucy1/Steps/3879885,3896454
func (c *Client) Registrations(ctx context.Context, q Query) (Page, error) {
	query := make(map[string]string)
	set := func(key, value string) {
		if value != "" {
			query[key] = value
		}
	}
	bound := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02T15:04:05") // the documented form has no offset
	}
	set("data_source", q.DataSource)
	set("start_date", bound(q.From))
	set("end_date", bound(q.To))
	set("external_id", q.ExternalID)
	l, err := get[Row](ctx, c, "registrations", "/registrations/", query, q.Page)
	if err != nil {
		return Page{}, err
	}
	return Page{Rows: l.items, Count: l.count, More: l.more || !l.told && len(l.items) > 0}, nil
}
