package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// An Agent is a person of the Dixa organisation who may answer customers.
type Agent struct {
	ID, Name string
	Emails   []string // lower case
}

// SaveAgents adds agents or replaces those that are there; nobody is removed, since messages of people who left remain.
func (s *Store) SaveAgents(ctx context.Context, agents []Agent) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, a := range agents {
			emails, err := json.Marshal(a.Emails)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO agents (id, name, emails) VALUES (?, ?, ?)
				ON CONFLICT DO UPDATE SET name = excluded.name, emails = excluded.emails`, a.ID, a.Name, string(emails)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: saving agents: %w", err)
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
