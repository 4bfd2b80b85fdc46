package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
	Choice
	// AsText are the keys of those of its fields that Plecto has as text, whatever their type.
	AsText []string
	// Account is the fingerprint of the Plecto account that the data source was last known in; empty where it never was.
	Account string
}

// A Choice is what a source makes of a record.
type Choice struct {
	// Keys are those of the fields chosen, in order; nil for the kind's usual ones.
	Keys []string
	// DateField is the key of the time that is the registration's date; empty for that of creation.
	DateField string
	// Member says whom registrations belong to: assignee, author or none; empty for the kind's usual one.
	Member string
}

// Sources returns all sources in the order in which they were linked.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	var all []Source
	err := s.rows(ctx, `SELECT id, name, kind, uuid, title, coalesce(fields, 'null'), place, mapping, accepted,
		coalesce(chosen, 'null'), as_text, date_field, member, account FROM sources ORDER BY id`, nil, func(rows *sql.Rows) error {
		var src Source
		var fields, chosen, asText []byte
		if err := rows.Scan(&src.ID, &src.Name, &src.Kind, &src.UUID, &src.Title, &fields, &src.Place, &src.Mapping, &src.Accepted,
			&chosen, &asText, &src.DateField, &src.Member, &src.Account); err != nil {
			return err
		}
		all = append(all, src)
		added := &all[len(all)-1]
		return errors.Join(json.Unmarshal(fields, &added.Fields), json.Unmarshal(chosen, &added.Keys), json.Unmarshal(asText, &added.AsText))
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
		if src.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		if err := choose(ctx, tx, src); err != nil {
			return err
		}
		return describe(ctx, tx, src)
	})
	if err != nil {
		return src, fmt.Errorf("store: adding source %q: %w", src.Name, err)
	}
	return src, nil
}

// RemoveSource forgets a source with all that Plecto said of its registrations; Plecto is not told.
func (s *Store) RemoveSource(ctx context.Context, src Source) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sources WHERE id = ?`, src.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM stale WHERE part = ? AND item = ?`, Registrations, strconv.FormatInt(src.ID, 10))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: removing source %q: %w", src.Name, err)
	}
	return nil
}

// Describe remembers what is known of a data source: its title and fields, which of them are text alone, and the account.
func (s *Store) Describe(ctx context.Context, src Source) error {
	err := s.tx(ctx, func(tx *sql.Tx) error { return describe(ctx, tx, src) })
	if err != nil {
		return fmt.Errorf("store: describing source %q: %w", src.Name, err)
	}
	return nil
}

func describe(ctx context.Context, tx *sql.Tx, src Source) error {
	fields, err := json.Marshal(src.Fields)
	if err != nil {
		return err
	}
	asText, err := json.Marshal(append([]string{}, src.AsText...))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sources SET title = ?, fields = nullif(?, 'null'), as_text = ?, account = ? WHERE id = ?`,
		src.Title, string(fields), string(asText), src.Account, src.ID)
	return err
}

// Choose remembers what was chosen for a source.
func (s *Store) Choose(ctx context.Context, src Source) error {
	err := s.tx(ctx, func(tx *sql.Tx) error { return choose(ctx, tx, src) })
	if err != nil {
		return fmt.Errorf("store: choosing for source %q: %w", src.Name, err)
	}
	return nil
}

func choose(ctx context.Context, tx *sql.Tx, src Source) error {
	keys, err := json.Marshal(src.Keys)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sources SET chosen = nullif(?, 'null'), date_field = ?, member = ? WHERE id = ?`,
		string(keys), src.DateField, src.Member, src.ID)
	return err
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

// Restart forgets what Plecto accepted and refused of a source's registrations: all of them are new to it.
func (s *Store) Restart(ctx context.Context, src Source) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM registrations WHERE source = ?`, src.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE sources SET place = 0, mapping = '', accepted = 0 WHERE id = ?`, src.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: restarting source %q: %w", src.Name, err)
	}
	return nil
}
