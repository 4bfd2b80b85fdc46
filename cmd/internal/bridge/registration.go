package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
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
const mappingVersion = 1

// A mapping turns the records of one kind into the registrations of one source. It asks nobody.
type mapping struct {
	source store.Source
	fields []Field
	people map[string]store.Agent // by e-mail
	digest string
}

// mapping returns how a source's records are mapped now. Of what it depends on beside the record, the digest tells.
func (b *Bridge) mapping(ctx context.Context, src store.Source) (*mapping, error) {
	lacks := missing(src)
	m := &mapping{source: src, fields: slices.DeleteFunc(Fields(src.Kind), func(f Field) bool { return slices.Contains(lacks, f.Title) })}
	digest := xxhash.New()
	fmt.Fprintln(digest, mappingVersion, src.UUID)
	for _, f := range m.fields {
		fmt.Fprintln(digest, f.Key, f.Title)
	}
	if src.Kind == string(dixa.Messages) {
		agents, err := b.Store.Agents(ctx)
		if err != nil {
			return nil, err
		}
		m.people = make(map[string]store.Agent, len(agents))
		for _, a := range agents {
			for _, email := range a.Emails {
				if _, twice := m.people[email]; !twice { // in the order of ids, so that it is the same one each time
					m.people[email] = a
				}
			}
			fmt.Fprintln(digest, a.ID, a.Name, a.Emails)
		}
	}
	m.digest = fmt.Sprintf("%016x", digest.Sum64())
	return m, nil
}

// registration maps one record. The same record always becomes the same registration.
func (m *mapping) registration(r store.Record) (plecto.Registration, error) {
	record, err := parse(r.Body)
	if err != nil {
		return plecto.Registration{}, err
	}
	row := plecto.Registration{
		DataSource: m.source.UUID, ExternalID: r.ID, Date: time.UnixMilli(r.CreatedAt),
		MemberProvider: Provider, MemberID: standInID, MemberName: StandIn,
		Fields: make([]plecto.Field, 0, len(m.fields)),
	}
	if id, name := m.member(record); id != "" {
		row.MemberID, row.MemberName = id, name
	}
	for _, f := range m.fields {
		row.Fields = append(row.Fields, plecto.Field{Name: f.Title, Value: f.value(record)})
	}
	return row, nil
}

// member returns whom a record belongs to: a conversation to its assignee, a message to the agent who wrote it.
func (m *mapping) member(record object) (id, name string) {
	if m.source.Kind != string(dixa.Messages) {
		id = record.text("assignee_id")
		return id, cmp.Or(record.text("assignee_name"), record.text("assignee_email"), id)
	}
	if !strings.EqualFold(record.text("direction"), "outbound") || record.yesNo("is_automated_message") == true {
		return "", ""
	}
	a := m.people[normal(record.text("author_email"))]
	return a.ID, cmp.Or(a.Name, a.ID)
}

// hashOf tells registrations apart: equal ones need not be sent again.
func hashOf(r plecto.Registration) uint64 { return xxhash.Sum64(r.AppendJSON(nil)) }
