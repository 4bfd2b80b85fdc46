package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
)

// A version is what decides which of two bodies of one record is the newer.
type version struct {
	Record
	hash    int64
	request int64
}

// replaces reports whether v is to take the place of old: different, and not older.
func (v version) replaces(old version) bool { return v.hash != old.hash && !v.olderThan(old) }

func (v version) olderThan(old version) bool {
	if v.UpdatedAt != 0 && old.UpdatedAt != 0 && v.UpdatedAt != old.UpdatedAt {
		return v.UpdatedAt < old.UpdatedAt
	}
	return v.request < old.request
}

// newest hashes the records of one answer and keeps the newest of those that share an id.
func newest(records []Record, request int64) []version {
	all := make([]version, 0, len(records))
	index := make(map[string]int, len(records))
	for _, r := range records {
		v := version{Record: r, hash: hashOf(r.Body), request: request}
		i, twice := index[r.ID]
		switch {
		case !twice:
			index[r.ID] = len(all)
			all = append(all, v)
		case !v.olderThan(all[i]):
			all[i] = v
		}
	}
	return all
}

// known returns what is there of some records, by id. Where they come in the order of time, it reads on along that
// order, and may miss one that says now that it was created at another time; else it looks up each id, which takes
// several times as long.
func (s *Store) known(ctx context.Context, tx *sql.Tx, kind string, records []version) (map[string]version, error) {
	if len(records) == 0 {
		return nil, nil
	}
	byTime := func(a, b version) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) }
	first, last := slices.MinFunc(records, byTime), slices.MaxFunc(records, byTime)
	most := 2*len(records) + lookupRows
	found, err := scanVersions(tx.StmtContext(ctx, s.selectByTime).QueryContext(ctx, kind, first.CreatedAt, last.CreatedAt, most))
	if err != nil || len(found) < most {
		return found, err
	}
	return s.byID(ctx, tx, kind, records)
}

// byID looks up what is there of some records.
func (s *Store) byID(ctx context.Context, tx *sql.Tx, kind string, records []version) (map[string]version, error) {
	all := make(map[string]version, len(records))
	for chunk := range slices.Chunk(records, lookupRows) {
		args := make([]any, 1+lookupRows) // nulls find nothing
		args[0] = kind
		for i, v := range chunk {
			args[1+i] = v.ID
		}
		found, err := scanVersions(tx.StmtContext(ctx, s.selectByID).QueryContext(ctx, args...))
		if err != nil {
			return nil, err
		}
		maps.Copy(all, found)
	}
	return all, nil
}

const versionColumns = `id, hash, coalesce(updated_at, 0), request`

func scanVersions(rows *sql.Rows, err error) (map[string]version, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]version)
	for rows.Next() {
		var v version
		if err := rows.Scan(&v.ID, &v.hash, &v.UpdatedAt, &v.request); err != nil {
			return nil, err
		}
		found[v.ID] = v
	}
	return found, rows.Err()
}
