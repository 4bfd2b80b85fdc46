package plectotest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

// batch is the body of a POST to registrations.
type batch struct {
	rows  []row
	array bool
	err   error
}

var errJSON = errors.New("not valid JSON")

func parseBatch(body []byte) batch {
	if !json.Valid(body) {
		return batch{err: errJSON}
	}
	b := batch{array: bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))}
	d := decoder{data: body}
	next := func() {
		d.skip()
		from := d.at
		values, _ := d.value().(map[string]any)
		b.rows = append(b.rows, newRow(bytes.Clone(body[from:d.at]), values))
	}
	if !b.array {
		next()
		return b
	}
	d.at = bytes.IndexByte(body, '[') + 1
	for d.more() {
		next()
	}
	return b
}

func (s *Server) postRegistrations(x *exchange) answer {
	b := x.batch
	if b.err != nil {
		return detail(http.StatusBadRequest, "JSON parse error - %v", b.err)
	}
	if len(b.rows) > MaxRows {
		return detail(cmp.Or(s.Behaviour.TooManyStatus, http.StatusBadRequest), "At most %d registrations in one request.", MaxRows)
	}

	now := time.Now().UTC()
	drafts, errs, bad := make([]draft, len(b.rows)), make([]problems, len(b.rows)), -1
	for i, row := range b.rows {
		drafts[i], errs[i] = s.check(row, now)
		if status := s.Behaviour.UnknownDataSourceStatus; status != 0 && row.dataSource != "" && drafts[i].source == nil {
			return detail(status, "No access to data source %s.", row.dataSource)
		}
		if len(errs[i]) > 0 && bad < 0 {
			bad = i
		}
	}
	if bad >= 0 && s.Behaviour.BadItem != BadItemLeftOut {
		return s.refusal(b, errs, bad)
	}
	// The rows are joined as they were sent: encoding them again would take longer than all else.
	var mirror [][]byte
	for i, d := range drafts {
		if len(errs[i]) > 0 {
			continue
		}
		r := s.store(d, now)
		x.Stored++
		sent := b.rows[i].raw
		if s.Behaviour.Answer != AnswerWithoutIDs {
			sent = slices.Concat(sent[:len(sent)-1], []byte(`,"uuid":"`+r.uuid+`","id":"`+r.uuid+`"}`))
		}
		mirror = append(mirror, sent)
	}
	if bad >= 0 {
		return s.refusal(b, errs, bad)
	}

	switch s.Behaviour.Answer {
	case AnswerEmpty:
		return answer{status: http.StatusCreated}
	case AnswerNoContent:
		return answer{status: http.StatusNoContent}
	}
	body := bytes.Join(mirror, []byte(","))
	if b.array {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	a := answer{status: http.StatusCreated, body: json.RawMessage(body)}
	if s.Behaviour.Answer == AnswerOK {
		a.status = http.StatusOK
	}
	return a
}

// refusal is the answer to a batch whose first invalid row is the one at index bad.
func (s *Server) refusal(b batch, errs []problems, bad int) answer {
	if s.Behaviour.BadItem == BadItemDetail {
		key := slices.Sorted(maps.Keys(errs[bad]))[0]
		return detail(http.StatusBadRequest, "%s: %s", key, errs[bad][key][0])
	}
	if !b.array {
		return answer{status: http.StatusBadRequest, body: errs[0]}
	}
	return answer{status: http.StatusBadRequest, body: errs}
}
