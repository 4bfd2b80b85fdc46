package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotFound says that the cache holds no source of that name.
var ErrNotFound = errors.New("not found")

// A Source is one Plecto data source fed from one kind of record.
type Source struct {
	ID    int64
	Name  string
	Kind  string
	UUID  string // Plecto's, 32 hex digits
	Title string
	// Fields are the names of the fields that Plecto shows for it; nil where it shows none.
	Fields []string
	// Place is the revision up to which every record has been settled: accepted, refused or found equal.
	Place int64
	// Mapping is the fingerprint of the mapping that Place was reached with, and Accepted counts what Plecto has ever
	// accepted under it.
	Mapping  string
	Accepted int64
}

// Sources returns all sources in the order in which they were linked.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	var all []Source
	err := s.rows(ctx, `SELECT id, name, kind, uuid, title, coalesce(fields, 'null'), place, mapping, accepted FROM sources ORDER BY id`, nil, func(rows *sql.Rows) error {
		var src Source
		var fields []byte
		if err := rows.Scan(&src.ID, &src.Name, &src.Kind, &src.UUID, &src.Title, &fields, &src.Place, &src.Mapping, &src.Accepted); err != nil {
			return err
		}
		all = append(all, src)
		return json.Unmarshal(fields, &all[len(all)-1].Fields)
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading the sources: %w", err)
	}
	return all, nil
}

// Source returns the source of that name, or ErrNotFound.
func (s *Store) Source(ctx context.Context, name string) (Source, error) {
	all, err := s.Sources(ctx)
	if err != nil {
		return Source{}, err
	}
	for _, src := range all {
		if src.Name == name {
			return src, nil
		}
	}
	return Source{}, fmt.Errorf("store: source %q: %w", name, ErrNotFound)
}

// AddSource remembers a source and returns it with its ID. Name and UUID are each used once.
func (s *Store) AddSource(ctx context.Context, src Source) (Source, error) {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO sources (name, kind, uuid, title, place, mapping, accepted) VALUES (?, ?, ?, ?, 0, '', 0)`,
			src.Name, src.Kind, src.UUID, src.Title)
		if err != nil {
			return err
		}
		src.ID, err = res.LastInsertId()
		return err
	})
	if err != nil {
		return src, fmt.Errorf("store: adding source %q: %w", src.Name, err)
	}
	return src, nil
}

// RemoveSource forgets a source with all that Plecto said of its registrations; Plecto is not told.
func (s *Store) RemoveSource(ctx context.Context, src Source) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sources WHERE id = ?`, src.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: removing source %q: %w", src.Name, err)
	}
	return nil
}

// Describe remembers what Plecto shows of a data source: its title and fields.
func (s *Store) Describe(ctx context.Context, src Source) error {
	fields, err := json.Marshal(src.Fields)
	if err != nil {
		return err
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sources SET title = ?, fields = nullif(?, 'null') WHERE id = ?`, src.Title, string(fields), src.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: describing source %q: %w", src.Name, err)
	}
	return nil
}

// Remap sends a source back to the start of the change log, to be read with another mapping. Nothing is downloaded, and
// what comes out equal is not sent.
func (s *Store) Remap(ctx context.Context, src Source, mapping string) (Source, error) {
	src.Place, src.Mapping, src.Accepted = 0, mapping, 0
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sources SET place = 0, mapping = ?, accepted = 0 WHERE id = ?`, mapping, src.ID)
		return err
	})
	if err != nil {
		return src, fmt.Errorf("store: remapping source %q: %w", src.Name, err)
	}
	return src, nil
}
