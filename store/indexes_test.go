package store_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// Without its index, each of these reads a whole table, and some are asked for every record.
func TestEachIndexAnswersItsQuestion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	openAt(t, path)
	for index, question := range map[string]string{
		"records_by_revision":    `SELECT * FROM records WHERE kind = 'messages' AND revision > 1 ORDER BY revision`,
		"records_by_time":        `SELECT * FROM records WHERE kind = 'messages' AND created_at BETWEEN 1 AND 2`,
		"aside_by_id":            `DELETE FROM aside WHERE kind = 'messages' AND id = 'm1'`,
		"windows_by_run":         `SELECT * FROM windows WHERE run = 1`,
		"registrations_rejected": `SELECT * FROM registrations WHERE source = 1 AND rejection IS NOT NULL ORDER BY record`,
		"requests_by_budget":     `SELECT at FROM requests WHERE budget = 'exports' ORDER BY at DESC`,
	} {
		var id, parent, unused int
		var plan string
		must(t, raw(t, path).QueryRow(`EXPLAIN QUERY PLAN `+question).Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) {
			t.Errorf("%s: %s", question, plan)
		}
	}
}
