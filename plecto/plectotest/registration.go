package plectotest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Registration is one row of a data source.
type Registration struct {
	UUID, DataSource, ExternalID string
	Date                         time.Time // in UTC
	// Member is the UUID of the member it belongs to now.
	Member string
	// MemberProvider, MemberID and MemberName are the account and name it was last sent with, empty
	// where it was sent with a member's UUID.
	MemberProvider, MemberID, MemberName string
	Team                                 string
	// Fields has a value for each field of the data source, nil where it is empty, numbers as
	// [json.Number]. Where the data source takes every key, it has the keys that were sent.
	Fields map[string]any
	// Writes is how often the API has written it, first and last at the times given in UTC.
	Writes                    int
	FirstWritten, LastWritten time.Time
}

// registration keeps the row as it was sent, since hundreds of thousands are to fit into memory.
type registration struct {
	rowKey
	uuid        string
	raw         json.RawMessage
	date        time.Time
	member      *member
	writes      int
	first, last time.Time
}

// Registrations are a data source's, sorted by external id.
func (s *Server) Registrations(dataSource string) []Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dataSource(dataSource)
	if d == nil {
		return nil
	}
	rows := slices.SortedFunc(slices.Values(d.rows), func(a, b *registration) int { return strings.Compare(a.externalID, b.externalID) })
	all := make([]Registration, 0, len(rows))
	for _, r := range rows {
		values := decode(r.raw)
		all = append(all, Registration{
			UUID: r.uuid, DataSource: d.uuid, ExternalID: r.externalID,
			Date: r.date, Member: r.member.current().UUID,
			MemberProvider: text(values["member_api_provider"]),
			MemberID:       text(values["member_api_id"]),
			MemberName:     text(values["member_name"]),
			Team:           text(values["team"]),
			Fields:         d.values(values),
			Writes:         r.writes, FirstWritten: r.first, LastWritten: r.last,
		})
	}
	return all
}

// Edit changes fields of a registration, or its date, as a person would in Plecto: no write of the
// API is counted. It reports whether there is such a registration.
func (s *Server) Edit(dataSource, externalID string, fields map[string]any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.registration(dataSource, externalID)
	if r == nil {
		return false
	}
	values := decode(r.raw)
	maps.Copy(values, fields)
	r.raw = encode(values)
	if date, _, err := parseDate(text(values["date"]), s.Behaviour.NaiveZone); err == nil {
		r.date = date.UTC()
	}
	return true
}

// Delete removes a registration as a person would in Plecto. It reports whether there was one.
func (s *Server) Delete(dataSource, externalID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.registration(dataSource, externalID)
	if r != nil {
		s.dataSource(dataSource).remove(r)
	}
	return r != nil
}

func (s *Server) registration(dataSource, externalID string) *registration {
	if d := s.dataSource(dataSource); d != nil {
		return d.byExternalID[externalID]
	}
	return nil
}

// store writes a row over the one with its external id, or as a new one.
// https://help.plecto.com/how-to-send-data-to-plectos-api
func (s *Server) store(d draft, now time.Time) *registration {
	r := d.source.byExternalID[d.externalID]
	if r == nil {
		r = &registration{rowKey: d.rowKey, uuid: s.uuid("registration"), first: now}
		d.source.rows = append(d.source.rows, r)
		d.source.byUUID[r.uuid], d.source.byExternalID[r.externalID] = r, r
	}
	r.raw, r.date, r.last = d.raw, d.date, now
	if r.member = d.member; r.member == nil {
		r.member = s.memberOf(d.account, d.name)
	}
	r.writes++
	return r
}

func (d *dataSource) remove(r *registration) {
	delete(d.byUUID, r.uuid)
	delete(d.byExternalID, r.externalID)
	d.rows = slices.DeleteFunc(d.rows, func(other *registration) bool { return other == r })
}

// values are the fields' values in a row.
func (d *dataSource) values(row map[string]any) map[string]any {
	if d.open {
		maps.DeleteFunc(row, func(key string, _ any) bool { return reserved[key] })
		return row
	}
	values := make(map[string]any, len(d.fields))
	for _, f := range d.fields {
		v, sent := row[f.Name]
		if !sent && f.Default != "" {
			v = f.Default
		}
		values[f.Name] = v
	}
	return values
}

// addressed is the registration that the path names, nil if there is none.
func (s *Server) addressed(x *exchange) *registration {
	if d := s.dataSource(x.segments[1]); d != nil {
		return d.byUUID[plain(x.segments[2])]
	}
	return nil
}

func (s *Server) getRegistration(x *exchange) answer {
	r := s.addressed(x)
	if r == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	return answer{status: http.StatusOK, body: s.show(r)}
}

// putRegistration replaces a row as a POST would. The path stands in for a data source and an
// external id that are not sent; they cannot be changed.
func (s *Server) putRegistration(x *exchange) answer {
	r := s.addressed(x)
	if r == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	b := parseBatch(x.body)
	if b.err != nil || b.array {
		return detail(http.StatusBadRequest, "JSON parse error - not an object")
	}
	sent, own, now := b.rows[0], r.rowKey, time.Now().UTC()
	if sent.dataSource == "" {
		sent.dataSource = own.dataSource
	}
	if sent.externalID == "" {
		sent.externalID = own.externalID
	}
	d, p := s.check(sent, now)
	if sent.dataSource != own.dataSource {
		p.add("data_source", "cannot be changed")
	}
	if sent.externalID != own.externalID {
		p.add("external_id", "cannot be changed")
	}
	if len(p) > 0 {
		return answer{status: http.StatusBadRequest, body: p}
	}
	x.Stored = 1
	return answer{status: http.StatusOK, body: s.show(s.store(d, now))}
}

func (s *Server) deleteRegistration(x *exchange) answer {
	r := s.addressed(x)
	if r == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	s.dataSource(x.segments[1]).remove(r)
	return answer{status: http.StatusNoContent}
}
