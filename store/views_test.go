package store_test

import (
	"fmt"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// view reads one row of a view: its columns with their values, those that are null left out.
func view(t *testing.T, path, name, id string) map[string]string {
	t.Helper()
	rows, err := raw(t, path).Query(`SELECT * FROM ` + name + ` WHERE id = '` + id + `'`)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	if !rows.Next() {
		t.Fatalf("view %s has no row %s: %v", name, id, rows.Err())
	}
	values := make([]any, len(columns))
	places := make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	must(t, rows.Scan(places...))
	shown := make(map[string]string)
	for i, c := range columns {
		if values[i] != nil {
			shown[c] = fmt.Sprint(values[i])
		}
	}
	delete(shown, "body")
	delete(shown, "revision")
	return shown
}

func TestTheViewsShowWhatARecordHolds(t *testing.T) {
	s := open(t)
	put := func(kind, id string, created, updated int64, body string) {
		w := span(t, s, "import", kind, hour(0), hour(1))
		save(t, s, store.Answer{Window: w, Request: 1}, whole(store.Record{Kind: kind, ID: id, CSID: 7, CreatedAt: created, UpdatedAt: updated, Body: body}))
	}
	const moment = 1767225599999 // 2025-12-31 23:59:59.999
	put("conversations", "7", moment, moment+1, `{"id":7,"queued_at":1767225600000,"assigned_at":"1767225600500","closed_at":1767312000000,"anonymized_at":1767225600001,
		"status":"open","direction":"inbound","initial_channel":"email","queue_name":"Returns, refunds","assignee_id":"a1","assignee_name":"Ida Holm",
		"requester_id":"r1","subject":"Hvor er min pakke? 📦","total_duration":120,"handling_duration":60.5,"rating_score":5,"tags":["vip","a,b"]}`)
	put("conversations", "8", moment, 0, `{"id":8,"queued_at":null,"assigned_at":0,"closed_at":"","tags":[]}`)
	put("messages", "m1", moment, 0, `{"id":"m1","csid":7,"direction":"outbound","initial_channel":"email","author_name":"Ida Holm","author_email":"ida@example.com",
		"is_automated_message":true,"duration":12.5,"text":"Hej\n\"du\""}`)
	put("messages", "m2", moment, 0, `{"id":"m2","is_automated_message":false}`)
	for _, row := range []struct {
		view, id string
		want     map[string]string
	}{
		{"conversations", "7", map[string]string{
			"id": "7", "created_at": "2025-12-31 23:59:59.999", "updated_at": "2026-01-01 00:00:00.000", "queued_at": "2026-01-01 00:00:00.000",
			"assigned_at": "2026-01-01 00:00:00.500", "closed_at": "2026-01-02 00:00:00.000", "anonymized_at": "2026-01-01 00:00:00.001",
			"status": "open", "direction": "inbound", "channel": "email", "queue": "Returns, refunds", "assignee_id": "a1", "assignee": "Ida Holm",
			"requester_id": "r1", "subject": "Hvor er min pakke? 📦", "total_duration": "120", "handling_duration": "60.5", "rating_score": "5",
			"tags": `["vip","a,b"]`,
		}},
		{"conversations", "8", map[string]string{"id": "8", "created_at": "2025-12-31 23:59:59.999", "tags": "[]"}},
		{"messages", "m1", map[string]string{
			"id": "m1", "conversation": "7", "created_at": "2025-12-31 23:59:59.999", "direction": "outbound", "channel": "email", "author": "Ida Holm",
			"author_email": "ida@example.com", "automated": "1", "duration": "12.5", "text": "Hej\n\"du\"",
		}},
		{"messages", "m2", map[string]string{"id": "m2", "conversation": "7", "created_at": "2025-12-31 23:59:59.999", "automated": "0"}},
	} {
		equal(t, row.view+" "+row.id, view(t, s.Path(), row.view, row.id), row.want)
	}
}
