package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Erase remembers that the content of conversations is to be erased, for good. What is there of them already is taken out
// by [Store.Scrub] and [Store.Wipe]; what comes later, [Erased] tells.
func (s *Store) Erase(ctx context.Context, csids []int64) error {
	return s.EraseOf(ctx, csids, "")
}

// EraseOf erases conversations as those of the customer with an e-mail: [Store.ConversationsOf] finds them when nothing
// in them tells any more.
func (s *Store) EraseOf(ctx context.Context, csids []int64, email string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if email == "" {
			return erase(ctx, tx, csids, "")
		}
		salt, err := readSalt(ctx, tx)
		if err != nil {
			return err
		}
		return erase(ctx, tx, csids, digestOf(salt, email))
	})
	if err != nil {
		return fmt.Errorf("store: erasing conversations: %w", err)
	}
	return nil
}

func erase(ctx context.Context, tx *sql.Tx, csids []int64, digest string) error {
	if len(csids) == 0 {
		return nil
	}
	list, err := json.Marshal(csids)
	if err != nil {
		return err
	}
	// What is here of them now may be replaced, and then is in the free space alone, before anything is scrubbed.
	if _, err := tx.ExecContext(ctx, `UPDATE cache SET removals = removals + 1 WHERE EXISTS (SELECT 1 FROM json_each(?) AS c
		JOIN records ON records.csid = c.value WHERE c.value NOT IN (SELECT csid FROM erased))`, string(list)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO erased (csid, asked_at, requester) SELECT value, ?, nullif(?, '') FROM json_each(?) WHERE true
		ON CONFLICT DO UPDATE SET requester = coalesce(excluded.requester, requester)`, millis(time.Now()), digest, string(list))
	return err
}

// EraseRequester remembers that the conversations of a customer are to be erased, those too that are older than this
// moment and come later. Of the e-mail it keeps a salted digest.
func (s *Store) EraseRequester(ctx context.Context, email string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		salt, err := readSalt(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO erased_requesters (digest, asked_at) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at`, digestOf(salt, email), millis(time.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: erasing a requester: %w", err)
	}
	return nil
}

func readSalt(ctx context.Context, q querier) (salt string, err error) {
	err = q.QueryRowContext(ctx, `SELECT salt FROM cache`).Scan(&salt)
	return salt, err
}

func digestOf(salt, email string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(email))
	return hex.EncodeToString(mac.Sum(nil))
}

// Erased tells whose content may not come back.
type Erased struct {
	csids      map[int64]bool
	requesters map[string]int64 // when it was asked for, by digest
	salt       string
}

// Add makes a conversation one that is erased.
func (e Erased) Add(csid int64) { e.csids[csid] = true }

// Conversation reports whether a conversation is erased.
func (e Erased) Conversation(csid int64) bool { return e.csids[csid] }

// Requesters reports whether any customer is erased.
func (e Erased) Requesters() bool { return len(e.requesters) > 0 }

// Requester reports whether what the customer with an e-mail began or wrote at a time in Unix milliseconds is to be
// erased.
func (e Erased) Requester(email string, created int64) bool {
	return e.Requesters() && email != "" && created < e.requesters[digestOf(e.salt, email)]
}

// Erased returns whose content may not come back.
func (s *Store) Erased(ctx context.Context) (Erased, error) {
	e := Erased{csids: map[int64]bool{}, requesters: map[string]int64{}}
	err := s.rows(ctx, `SELECT csid FROM erased`, nil, func(rows *sql.Rows) error {
		var csid int64
		err := rows.Scan(&csid)
		e.csids[csid] = true
		return err
	})
	if err == nil {
		err = s.rows(ctx, `SELECT digest, asked_at FROM erased_requesters`, nil, func(rows *sql.Rows) error {
			var digest string
			var asked int64
			err := rows.Scan(&digest, &asked)
			e.requesters[digest] = asked
			return err
		})
	}
	if err == nil {
		e.salt, err = readSalt(ctx, s.reader)
	}
	if err != nil {
		return e, fmt.Errorf("store: reading what is erased: %w", explain(err))
	}
	return e, nil
}

// ConversationsOf returns the conversations of the customer with an e-mail, which normal has made what e-mails are compared
// by, in order: those that name it; those that name no customer, or are not in the cache themselves, but have a message or
// an activity of theirs; and those that were erased as such.
func (s *Store) ConversationsOf(ctx context.Context, email string, normal func(string) string) ([]int64, error) {
	of, err := s.conversationsOf(ctx, email, normal)
	if err != nil {
		return nil, fmt.Errorf("store: looking for a customer's conversations: %w", explain(err))
	}
	return slices.Sorted(maps.Keys(of)), nil
}

func (s *Store) conversationsOf(ctx context.Context, email string, normal func(string) string) (map[int64]bool, error) {
	salt, err := readSalt(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	of := make(map[int64]bool)
	if err := s.rows(ctx, `SELECT csid FROM erased WHERE requester = ?`, []any{digestOf(salt, email)}, func(rows *sql.Rows) error {
		var csid int64
		err := rows.Scan(&csid)
		of[csid] = true
		return err
	}); err != nil {
		return nil, err
	}
	wrote := make(map[int64]bool)
	for _, told := range []struct {
		by    map[int64]bool
		query string
	}{
		{of, `SELECT csid, body ->> 'requester_email' FROM records WHERE kind = 'conversations' AND csid IS NOT NULL`},
		{of, `SELECT csid, e.value FROM records, json_each(records.body, '$.requester_additional_emails') AS e
			WHERE kind = 'conversations' AND csid IS NOT NULL`},
		{wrote, `SELECT csid, body ->> 'author_email' FROM records
			WHERE kind = 'messages' AND csid IS NOT NULL AND lower(body ->> 'direction') = 'inbound'`},
		{wrote, `SELECT csid, body -> 'author' ->> 'email' FROM records WHERE kind = 'activities' AND csid IS NOT NULL`},
	} {
		err := s.rows(ctx, told.query, nil, func(rows *sql.Rows) error {
			var csid int64
			var one sql.NullString
			err := rows.Scan(&csid, &one)
			if one.String != "" && normal(one.String) == email {
				told.by[csid] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for csid := range wrote {
		var another bool
		if err := s.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM records
			WHERE csid = ? AND kind = 'conversations' AND trim(body ->> 'requester_email') <> '')`, csid).Scan(&another); err != nil {
			return nil, err
		}
		if !another {
			of[csid] = true
		}
	}
	return of, nil
}
