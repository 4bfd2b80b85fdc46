package plectotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// rowKey is what makes a row the same as another. Its UUID is in Plecto's spelling.
type rowKey struct {
	dataSource, externalID string
}

// row is one registration as it was sent.
type row struct {
	rowKey
	raw     json.RawMessage
	values  map[string]any // nil if it is not an object
	refusal string
}

func newRow(raw json.RawMessage, values map[string]any) row {
	r := row{raw: raw, values: values}
	r.externalID = text(r.values["external_id"])
	if r.externalID == "" {
		r.externalID = text(r.values["reference"])
	}
	r.dataSource = plain(text(r.values["data_source"]))
	return r
}

// text is a string or number as text, "" for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// problems are the messages about each invalid key, as an error's body has them.
type problems map[string][]string

func (p problems) add(key, message string) { p[key] = append(p[key], message) }

// reserved are the keys of a row that are no custom fields.
var reserved = map[string]bool{
	"data_source": true, "external_id": true, "reference": true, "date": true, "team": true,
	"member": true, "member_api_provider": true, "member_api_id": true, "member_name": true,
}

// draft is a valid row, ready to be stored.
type draft struct {
	row
	source  *dataSource
	date    time.Time
	member  *member // nil for a person named by account and name
	account Account
	name    string
}

// check finds what is wrong with a row. Its data source, if it has one, is the draft's even then.
func (s *Server) check(r row, now time.Time) (draft, problems) {
	d, p := draft{row: r, date: now}, make(problems)
	if r.values == nil {
		p.add("non_field_errors", "not an object")
		return d, p
	}
	if r.refusal != "" {
		p.add("non_field_errors", r.refusal)
	}
	if d.source = s.dataSource(r.dataSource); r.dataSource == "" {
		p.add("data_source", "required")
	} else if d.source == nil {
		p.add("data_source", "no data source has this UUID")
	}
	if r.externalID == "" {
		p.add("external_id", "required")
	}
	s.checkMember(&d, p)
	if v := r.values["date"]; v != nil {
		date, offset, err := parseDate(text(v), s.Behaviour.NaiveZone)
		if err != nil || !offset && s.Behaviour.RefuseNaiveDates {
			p.add("date", "not a date with a time and a UTC offset")
		}
		d.date = date.UTC()
	}
	if d.source != nil {
		s.checkFields(&d, p)
	}
	return d, p
}

func (s *Server) checkMember(d *draft, p problems) {
	if uuid := text(d.values["member"]); uuid != "" {
		if d.member = s.member(uuid); d.member == nil {
			p.add("member", "no member has this UUID")
		}
		return
	}
	d.account = Account{text(d.values["member_api_provider"]), text(d.values["member_api_id"])}
	d.name = text(d.values["member_name"])
	if d.account.Provider == "" && d.account.ID == "" && d.name == "" {
		p.add("member", "required, or member_api_provider, member_api_id and member_name")
		return
	}
	for _, key := range []string{"member_api_provider", "member_api_id", "member_name"} {
		if text(d.values[key]) == "" {
			p.add(key, "required")
		}
	}
}

// checkFields checks the values of custom fields, and changes those that are to be coerced.
func (s *Server) checkFields(d *draft, p problems) {
	coerced := false
	for key, v := range d.values {
		f := d.source.byName[key]
		switch {
		case reserved[key]:
		case f == nil && d.source.open:
		case f == nil:
			if s.Behaviour.RefuseUnknownKeys {
				p.add(key, "not a field of this data source")
			}
		case v == nil || v == "":
			if s.Behaviour.RefuseEmpty && !f.AllowEmpty {
				p.add(key, "may not be empty")
			}
		default:
			as, ok := f.convert(v)
			if s.Behaviour.CoerceTypes {
				d.values[key], coerced = as, true
			} else if !ok {
				p.add(key, "not a valid value for "+f.Input)
			}
		}
	}
	if coerced {
		d.raw = encode(d.values)
	}
}

// convert gives a value as one of the field's own type, nil where there is none, and reports
// whether the field takes it as it is.
func (f *Field) convert(v any) (as any, ok bool) {
	switch v.(type) {
	case []any, map[string]any:
		if f.Input == TextInput || f.Input == Select {
			return string(encode(v)), false
		}
		return nil, false
	}
	switch f.Input {
	case NumberInput:
		if n, err := strconv.ParseFloat(text(v), 64); err == nil {
			return json.Number(strconv.FormatFloat(n, 'f', -1, 64)), true
		}
		return nil, false
	case CheckboxInput:
		if b, ok := v.(bool); ok {
			return b, true
		}
		if b, err := strconv.ParseBool(text(v)); err == nil {
			return b, true
		}
		return nil, false
	case DateTimeInput:
		if _, _, err := parseDate(text(v), nil); err == nil {
			return v, true
		}
		return nil, false
	}
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b), true
	}
	return text(v), true
}

// encode is the JSON of a value made of what JSON has.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("plectotest: encoding a value: %v", err))
	}
	return raw
}

var errDate = errors.New("not an ISO 8601 date with a time")

// parseDate reads a date and reports whether it has a UTC offset; without one it is read in zone,
// nil meaning UTC.
func parseDate(s string, zone *time.Location) (t time.Time, offset bool, err error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true, nil
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.ParseInLocation("2006-01-02T15:04:05", s, zone); err == nil {
		return t, false, nil
	}
	return time.Time{}, false, errDate
}
