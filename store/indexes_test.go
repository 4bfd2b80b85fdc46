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
		"records_by_revision":     `SELECT * FROM records WHERE kind = 'messages' AND revision > 1 ORDER BY revision`,
		"records_by_time":         `SELECT * FROM records WHERE kind = 'messages' AND created_at BETWEEN 1 AND 2`,
		"aside_by_id":             `DELETE FROM aside WHERE kind = 'messages' AND id = 'm1'`,
		"windows_by_run":          `SELECT * FROM windows WHERE run = 1`,
		"registrations_rejected":  `SELECT * FROM registrations WHERE source = 1 AND rejection IS NOT NULL ORDER BY record`,
		"requests_by_budget":      `SELECT at FROM requests WHERE budget = 'exports' ORDER BY at DESC`,
		"records_by_conversation": `SELECT * FROM records WHERE csid IN (1, 2, 3) AND kind IN ('conversations', 'messages') ORDER BY csid`,
		"erased_waiting":          `SELECT csid FROM erased WHERE scrubbed_at IS NULL ORDER BY csid`,
		"events_by_time":          `DELETE FROM events WHERE received_at < 5`,
		"stale_by_next":           `SELECT csid FROM stale WHERE part = 'messages' AND next_at <= 5 ORDER BY wait, since, csid, item LIMIT 9`,
		"requests_by_lane":        `SELECT at FROM requests WHERE budget = 'exports' AND live = 0 ORDER BY at DESC LIMIT 1 OFFSET 8`,
	} {
		var id, parent, unused int
		var plan string
		must(t, raw(t, path).QueryRow(`EXPLAIN QUERY PLAN `+question).Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) {
			t.Errorf("%s: %s", question, plan)
		}
	}
}

// These are asked beside everything else, some with each request.
func TestHowCurrentEverythingIsIsReadFromTheIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	openAt(t, path)
	for question, index := range map[string]string{
		`SELECT max(received_at) FROM events`:                                                                      "events_by_time",
		`SELECT min(since) FROM stale WHERE part = 'registrations'`:                                                "stale_by_next (part=?)",
		`SELECT count(*) FROM stale WHERE part = 'registrations'`:                                                  "(part=?)",
		`SELECT count(*), count(*) FILTER (WHERE at > 7) FROM requests WHERE budget = 'a' AND live = 1 AND at > 5`: "requests_by_lane (budget=? AND live=? AND at>?)",
		`DELETE FROM stale WHERE part = 'messages' AND csid = 7 AND item = 'm1' AND mark = 3`:                      "(part=? AND csid=? AND item=?)",
		`UPDATE stale SET since = newest WHERE part = 'messages' AND csid = 7 AND item = 'm1' AND mark > 3`:        "(part=? AND csid=? AND item=?)",
		`SELECT at FROM requests WHERE budget = 'a' ORDER BY at DESC LIMIT 1 OFFSET 9`:                             "requests_by_budget (budget=?)",
	} {
		var id, parent, unused int
		var plan string
		must(t, raw(t, path).QueryRow(`EXPLAIN QUERY PLAN `+question).Scan(&id, &parent, &unused, &plan))
		if !strings.Contains(plan, index) {
			t.Errorf("%s: %s", question, plan)
		}
	}
}

// A page costs as much as it holds, wherever it lies: nothing is sorted but records of one moment.
func TestAPageOfRecordsIsReadAlongItsIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	openAt(t, path)
	for question, index := range map[string]string{
		`SELECT * FROM records WHERE kind = 'messages' AND revision > 5 ORDER BY revision LIMIT 9`:                                          "records_by_revision",
		`SELECT * FROM records WHERE kind = 'messages' AND (created_at, id) > (5, 'm1') AND created_at < 9 ORDER BY created_at, id LIMIT 9`: "records_by_time",
		`SELECT * FROM records WHERE kind = 'messages' ORDER BY created_at, id LIMIT 9`:                                                     "records_by_time",
	} {
		rows, err := raw(t, path).Query(`EXPLAIN QUERY PLAN ` + question)
		must(t, err)
		defer rows.Close()
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			must(t, rows.Scan(&id, &parent, &unused, &step))
			plan = append(plan, step)
		}
		whole := strings.Join(plan, "\n")
		if !strings.Contains(whole, index) || strings.Contains(whole, "SCAN records") || strings.Contains(whole, "B-TREE FOR ORDER BY") {
			t.Errorf("%s:\n%s", question, whole)
		}
	}
}
