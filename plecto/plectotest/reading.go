package plectotest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

func (s *Server) listRegistrations(x *exchange) answer {
	q := x.r.URL.Query()
	p := make(problems)
	bound := func(key string) (t time.Time) {
		if v := q.Get(key); v != "" {
			var err error
			if t, _, err = parseDate(v, s.Behaviour.NaiveZone); err != nil {
				p.add(key, err.Error())
			}
		}
		return t
	}
	start, end := bound("start_date"), bound("end_date")
	if len(p) > 0 {
		return answer{status: http.StatusBadRequest, body: p}
	}
	externalID := q.Get("external_id")
	if externalID == "" {
		externalID = q.Get("reference")
	}
	var found []*registration
	for _, d := range s.dataSources {
		if q.Has("data_source") && plain(q.Get("data_source")) != d.uuid {
			continue
		}
		rows := d.rows
		if externalID != "" {
			rows = nil
			if r := d.byExternalID[externalID]; r != nil {
				rows = []*registration{r}
			}
		}
		for _, r := range rows {
			if s.within(r, start, end) {
				found = append(found, r)
			}
		}
	}
	return list(s, x, found, s.show)
}

// within reports whether a registration is between the bounds of a list, of which either may be zero.
func (s *Server) within(r *registration, start, end time.Time) bool {
	at := r.date
	if s.Behaviour.FilterByWritten {
		at = r.last
	}
	switch {
	case s.Behaviour.FilterIgnored:
		return true
	case s.Behaviour.FilterExclusive && (at.Equal(start) || at.Equal(end)):
		return false
	}
	return !at.Before(start) && (end.IsZero() || !at.After(end))
}

// show is a row as it is read: the values of its fields, and the keys that every row has.
func (s *Server) show(r *registration) any {
	b := &s.Behaviour
	date := r.date.Format(time.RFC3339Nano)
	if b.DatesNaive {
		date = b.naive(r.date)
	}
	member := r.member.current()
	if b.HideValues {
		return map[string]any{"uuid": r.uuid, "external_id": r.externalID, "date": date, "member": member.UUID}
	}
	row, d := decode(r.raw), s.dataSource(r.dataSource)
	team := row["team"]
	shown := d.values(row)
	for name, v := range shown {
		f := d.byName[name]
		shown[name] = b.shown(v, f != nil && f.Input == DateTimeInput)
	}
	if b.RowsNested {
		shown = map[string]any{"fields": shown}
	}
	maps.Copy(shown, map[string]any{
		"uuid": r.uuid, "id": r.uuid, "data_source": r.dataSource,
		"external_id": r.externalID, "reference": r.externalID,
		"date":   date,
		"member": member.UUID, "member_name": member.Name,
		"team": team,
	})
	return shown
}

// shown is a field's value as it is read.
func (b *Behaviour) shown(v any, isDate bool) any {
	if isDate && b.DatesNaive {
		if date, _, err := parseDate(text(v), b.NaiveZone); err == nil {
			return b.naive(date)
		}
	}
	switch v := v.(type) {
	case nil:
		if b.NullsAsEmpty {
			return ""
		}
	case bool:
		if b.StringValues && v {
			return "True"
		} else if b.StringValues {
			return "False"
		}
	case json.Number:
		if b.StringValues {
			return v.String()
		}
	}
	return v
}

// naive is a date as it is shown without an offset.
func (b *Behaviour) naive(date time.Time) string {
	return date.In(cmp.Or(b.NaiveZone, time.UTC)).Format("2006-01-02T15:04:05")
}
