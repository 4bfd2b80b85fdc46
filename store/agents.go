package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// An Agent is a person of the Dixa organisation who may answer customers.
type Agent struct {
	ID, Name string
	Emails   []string // lower case
}

// SaveAgents adds agents, and e-mails to those that are there, whose names it changes only where the given ones are
// current. Nobody is removed, since messages of people who left remain.
func (s *Store) SaveAgents(ctx context.Context, agents []Agent, current bool) error {
	err := s.tx(ctx, func(tx *sql.Tx) error { return saveAgents(ctx, tx, agents, current) })
	if err != nil {
		return fmt.Errorf("store: saving agents: %w", err)
	}
	return nil
}

func saveAgents(ctx context.Context, tx *sql.Tx, agents []Agent, current bool) error {
	for _, a := range agents {
		var known []byte
		err := tx.QueryRowContext(ctx, `SELECT emails FROM agents WHERE id = ?`, a.ID).Scan(&known)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var emails []string
		if known != nil {
			if err := json.Unmarshal(known, &emails); err != nil {
				return err
			}
		}
		for _, e := range a.Emails {
			if !slices.Contains(emails, e) {
				emails = append(emails, e)
			}
		}
		text, err := json.Marshal(emails)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO agents (id, name, emails) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET name = iif(?, excluded.name, name), emails = excluded.emails`, a.ID, a.Name, string(text), current); err != nil {
			return err
		}
	}
	return nil
}

// Agents returns all agents by id.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	var all []Agent
	err := s.rows(ctx, `SELECT id, name, emails FROM agents ORDER BY id`, nil, func(rows *sql.Rows) error {
		var a Agent
		var emails []byte
		if err := rows.Scan(&a.ID, &a.Name, &emails); err != nil {
			return err
		}
		all = append(all, a)
		return json.Unmarshal(emails, &all[len(all)-1].Emails)
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading agents: %w", err)
	}
	return all, nil
}
