package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

const (
	// Provider is what the people in registrations come from.
	Provider = "Dixa"
	// StandIn is the one member for whatever belongs to no agent: what nobody is assigned to, what customers and
	// machines write. Plecto bills by distinct members, so that customers never are any.
	// https://docs.plecto.com/kb/guide/en/subscription-and-licenses-2p8QWyVPxk/Steps/2278311
	StandIn   = "Dixa"
	standInID = "dixa"
)

// mappingVersion is raised whenever the same record and fields come out as another registration: every source then
// reads its change log from the start again, and sends what came out different.
const mappingVersion = 3

// A mapping turns the records of one kind into the registrations of one source. It asks nobody.
type mapping struct {
	source store.Source
	fields []Field
	date   Field // of the registration's date, with the time of creation where it has none; zero for that of creation
	people people
	// covered is read only where a field is made of messages.
	covered coverage
	digest  string
	marks   int64 // written down by the pusher that it serves
}

// mapping returns how a source's records are mapped now. Of what it depends on beside the records, the digest tells.
func (b *Bridge) mapping(ctx context.Context, src store.Source) (*mapping, error) {
	fields, err := chosen(src)
	if err != nil {
		return nil, err
	}
	lacks := Missing(src)
	m := &mapping{source: src, fields: slices.DeleteFunc(fields, func(f Field) bool { return slices.Contains(lacks, f.Title) })}
	digest := xxhash.New()
	fmt.Fprintln(digest, mappingVersion, src.UUID, src.DateField, memberOf(src))
	for _, f := range m.fields {
		fmt.Fprintln(digest, f.Key, f.Title, slices.Contains(src.AsText, f.Key))
	}
	if src.DateField != "" {
		if m.date, err = dateField(src.Kind, src.DateField); err != nil {
			return nil, err
		}
	}
	if src.Kind != string(dixa.Conversations) { // which name their agent themselves
		agents, err := b.Store.Agents(ctx)
		if err != nil {
			return nil, err
		}
		m.people = newPeople(agents)
		for _, a := range agents {
			fmt.Fprintln(digest, a.ID, a.Name, a.Emails)
		}
	}
	if m.ofMessages() {
		bounds, err := b.cover(ctx, m)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(digest, bounds...)
	}
	m.digest = fmt.Sprintf("%016x", digest.Sum64())
	return m, nil
}

// ofMessages reports whether a field is made of messages.
func (m *mapping) ofMessages() bool {
	return slices.ContainsFunc(m.fields, func(f Field) bool { return f.messages })
}

// cover reads the coverage of messages, and returns what of it a digest takes. Where it grows, figures may come to be
// known without any record that changes. The end of the last stretch is left out, since each sync moves it, together with
// the messages that come: what counts there is whether messages lie beyond it, from an answer that broke off perhaps.
func (b *Bridge) cover(ctx context.Context, m *mapping) (bounds []any, err error) {
	if m.covered, err = b.coverage(ctx); err != nil || len(m.covered) == 0 {
		return nil, err
	}
	for i, span := range m.covered {
		if i > 0 {
			bounds = append(bounds, m.covered[i-1].To.UnixMilli())
		}
		bounds = append(bounds, span.From.UnixMilli())
	}
	last := m.covered[len(m.covered)-1]
	beyond, err := b.Store.RecordsBetween(ctx, string(dixa.Messages), store.Span{From: last.To}, store.Record{}, 1)
	return append(bounds, len(beyond)), err
}

// edge is how far what is told of a conversation may be ahead of the messages, since the two are not asked for at one
// moment. Until the next messages come, its figures are as of the last ones, rather than none.
const edge = 5 * time.Minute

// coverage returns the stretches of time of which all messages are in the cache. The last one has an edge where it is to
// go on: where a sync or the receiver keeps it up to the present.
func (b *Bridge) coverage(ctx context.Context) (coverage, error) {
	covered, err := b.Store.Coverage(ctx, string(dixa.Messages))
	if err != nil || len(covered) == 0 {
		return nil, err
	}
	last := &covered[len(covered)-1]
	until, ok, err := b.Store.Synced(ctx, string(dixa.Messages))
	if ok && !until.After(last.To) {
		last.To = last.To.Add(edge)
	}
	return covered, err
}

// empty returns the keys of a conversation's fields that have no value while no messages are in the cache.
func (m *mapping) empty() (keys []string) {
	if m.source.Kind != string(dixa.Conversations) || len(m.covered) > 0 {
		return nil
	}
	for _, f := range m.fields {
		if f.messages {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// subject prepares a record of a thread to be mapped.
func (m *mapping) subject(t *thread, r threadRecord) subject {
	s := subject{object: r.object, record: r.Record, thread: t}
	switch r.Kind {
	case string(dixa.Messages):
		if s.is("direction", "outbound") && s.yesNo("is_automated_message") != true {
			s.author = m.people.byEmail(s.text("author_email"), t.conversation.text("assignee_id"))
		}
	case string(dixa.Activities):
		who := s.inner("author")
		s.author = m.people.byID[who.text("id")]
		if s.author.ID == "" && who.text("id") == "" {
			s.author = m.people.byEmail(who.text("email"), t.conversation.text("assignee_id"))
		}
	}
	return s
}

// registration maps one record. The same record in the same thread always becomes the same registration.
func (m *mapping) registration(s subject) plecto.Registration {
	row := plecto.Registration{
		DataSource: m.source.UUID, ExternalID: s.record.ID, Date: time.UnixMilli(s.record.CreatedAt),
		MemberProvider: Provider, MemberID: standInID, MemberName: StandIn,
		Fields: make([]plecto.Field, 0, len(m.fields)),
	}
	if m.date.value != nil {
		if date, ok := m.date.value(s).(time.Time); ok {
			row.Date = date
		}
	}
	if who := m.member(s); who.ID != "" {
		row.MemberID, row.MemberName = who.ID, cmp.Or(who.Name, who.ID)
	}
	for _, f := range m.fields {
		value := f.value(s)
		if slices.Contains(m.source.AsText, f.Key) {
			value = asText(value)
		}
		row.Fields = append(row.Fields, plecto.Field{Name: f.Title, Value: value})
	}
	return row
}

// Whom a source's registrations belong to.
const (
	Assignee = "assignee" // the agent the conversation is assigned to
	Author   = "author"   // the agent who wrote the message or did the activity
	Nobody   = "none"     // the stand-in
)

// MembersOf returns what a kind's registrations can belong to, the usual one first.
func MembersOf(kind string) []string {
	if kind == string(dixa.Conversations) {
		return []string{Assignee, Nobody}
	}
	return []string{Author, Assignee, Nobody}
}

func memberOf(src store.Source) string { return cmp.Or(src.Member, MembersOf(src.Kind)[0]) }

// member returns the agent whom a registration belongs to; no ID stands for the stand-in.
func (m *mapping) member(s subject) store.Agent {
	switch memberOf(m.source) {
	case Author:
		return s.author
	case Assignee:
		c := s.thread.conversation
		id := c.text("assignee_id")
		return store.Agent{ID: id, Name: cmp.Or(c.text("assignee_name"), c.text("assignee_email"), id)}
	}
	return store.Agent{}
}

// asText is a value as it goes to a field that takes text alone.
func asText(value any) any {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return value // text already, or a time, which JSON has as text
}

// hashOf tells registrations apart: equal ones need not be sent again.
func hashOf(row []byte) uint64 { return xxhash.Sum64(row) }
