package dixatest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
)

// export answers with an array of one kind of record, written as it goes.
func (s *Server) export(out *reply, kind string, q query) {
	if s.Behaviour.SlowFirstByte > 0 {
		out.pause(s.Behaviour.SlowFirstByte)
	}
	out.header("Content-Type", "application/json")
	var to io.Writer = out
	var gz *gzip.Writer
	if s.Behaviour.Gzip && strings.Contains(out.r.Header.Get("Accept-Encoding"), "gzip") {
		out.header("Content-Encoding", "gzip")
		gz = gzip.NewWriter(out)
		to = gz
	}
	out.status(http.StatusOK)
	if err := s.writeArray(out, to, s.rows(kind, q)); err != nil {
		return
	}
	if gz != nil && gz.Close() != nil {
		return
	}
	out.whole()
}

func (s *Server) rows(kind string, q query) iter.Seq[[]byte] {
	if s.Bulk != nil {
		return s.Bulk.rows(kind, q)
	}
	return bodies(s.snapshot(kind, q))
}

// snapshot returns the world's rows of a kind that q admits, in the order to send.
func (s *Server) snapshot(kind string, q query) []row {
	if s.World == nil {
		return nil
	}
	rows := s.World.snapshot(kind, q)
	if seed := s.Behaviour.Shuffle; seed != 0 {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows
}

// writeArray writes rows as one JSON array to to, which leads to out. The
// opening bracket leaves at once, so that a client sees the reply begin.
func (s *Server) writeArray(out *reply, to io.Writer, rows iter.Seq[[]byte]) error {
	if _, err := to.Write([]byte{'['}); err != nil {
		return err
	}
	out.flush()
	n, comma := 0, []byte{','}
	separate := func() error {
		if n++; n == 1 {
			return nil
		}
		_, err := to.Write(comma)
		return err
	}
	element := func(body []byte) error {
		if err := separate(); err != nil {
			return err
		}
		if _, err := to.Write(body); err != nil {
			return err
		}
		out.records++
		return nil
	}
	extra := func(f *Fault) error {
		out.extra = nil
		if f.Hit != nil {
			f.Hit()
		}
		if f.Do == Insert {
			return element([]byte(f.Body))
		}
		if err := separate(); err != nil {
			return err
		}
		out.records++
		return writeHuge(to, out.entry.Endpoint, f.Bytes)
	}
	reshape := s.Behaviour.OmitNulls || s.Behaviour.ExtraFields || s.Behaviour.OldRatings || s.Behaviour.PlainTimes
	for body := range rows {
		if f := out.extra; f != nil && n == f.Rows {
			if err := extra(f); err != nil {
				return err
			}
		}
		if reshape {
			body = s.Behaviour.reshape(body)
		}
		if err := element(body); err != nil {
			return err
		}
		if every := s.Behaviour.RepeatEvery; every > 0 && n%every == 0 {
			if err := element(body); err != nil {
				return err
			}
		}
	}
	if f := out.extra; f != nil {
		if err := extra(f); err != nil {
			return err
		}
	}
	_, err := to.Write([]byte{']'})
	return err
}

// writeHuge writes a record with one string of so many bytes, which is never
// held in memory whole.
func writeHuge(w io.Writer, endpoint string, size int64) error {
	_, err := fmt.Fprintf(w, `{%s,%s,"text":"`, strangeID(endpoint), strangeTimes(endpoint, 1760000000000))
	block := bytes.Repeat([]byte("a very long text "), 2048)
	for size > 0 && err == nil {
		var n int
		n, err = w.Write(block[:min(size, int64(len(block)))])
		size -= int64(n)
	}
	if err == nil {
		_, err = io.WriteString(w, `"}`)
	}
	return err
}

// reshape rewrites a record as the switches on the shape of records want it.
func (b Behaviour) reshape(body []byte) []byte {
	var record map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&record) != nil {
		return body
	}
	if b.OldRatings {
		ratings, _ := record["ratings"].([]any)
		for _, r := range ratings {
			oldRating(r)
		}
	}
	if at, ok := record["activityTimestamp"].(string); ok && b.PlainTimes {
		record["activityTimestamp"] = strings.TrimSuffix(at, zoneAgain)
	}
	if b.OmitNulls {
		omitNulls(record)
	}
	if b.ExtraFields {
		record["sentiment"] = map[string]any{"label": "neutral", "score": 0.5, "history": []any{nil, "neutral"}}
		record["is_priority"] = false
	}
	var reshaped bytes.Buffer
	e := json.NewEncoder(&reshaped)
	e.SetEscapeHTML(false)
	if e.Encode(record) != nil {
		return body
	}
	return bytes.TrimSuffix(reshaped.Bytes(), []byte("\n"))
}

func oldRating(r any) {
	fields, ok := r.(map[string]any)
	if !ok {
		return
	}
	if fields["rating_type"] == "CSAT" {
		fields["rating_type"] = "stars"
	}
	if status, ok := fields["rating_status"].(string); ok {
		fields["rating_status"] = strings.ToLower(status)
	}
}

func omitNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
			} else {
				omitNulls(member)
			}
		}
	case []any:
		for _, element := range v {
			omitNulls(element)
		}
	}
}
