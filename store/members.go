package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Members returns the ids of the agents whom a Plecto account has been told of.
func (s *Store) Members(ctx context.Context, account string) (map[string]bool, error) {
	told := make(map[string]bool)
	err := s.rows(ctx, `SELECT id FROM members WHERE account = ?`, []any{account}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		told[id] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading the members: %w", err)
	}
	return told, nil
}

// AddMember remembers that a Plecto account has been told of an agent.
func (s *Store) AddMember(ctx context.Context, account, id string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO members (account, id, told_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, account, id, millis(time.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: remembering a member: %w", err)
	}
	return nil
}
