package plecto

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Whatever an error body is, it gives one short line without the login.
func FuzzWords(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", "[[[]]]", `{"detail":"Invalid."}`, `[{},{"date":["Bad."]}]`, `{"a":{"b":{"c":[1,true,null,"x"]}}}`,
		"<html>\r\n\x1b[31m", "caf\xe9", `"\ud800 s3cret\u0000"`, `{"s3cret":"push@example.com"}`, strings.Repeat("å\n", 1000), strings.Repeat("[", 20000),
	} {
		f.Add([]byte(body))
	}
	c := New(Config{Email: "push@example.com", Password: "s3cret"})
	f.Fuzz(func(t *testing.T, body []byte) {
		got := c.words(body)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 301 || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q gives %q", body, got)
		}
		for _, secret := range c.secrets {
			if strings.Contains(got, secret) {
				t.Fatalf("%q gives %q", body, got)
			}
		}
	})
}

// isUUID reports whether a UUID is one in Plecto's spelling, or not there.
func isUUID(uuid string) bool {
	return uuid == "" || len(uuid) == 32 && strings.Trim(uuid, "0123456789abcdef") == ""
}

// Only an object is read as a data source, and what is read is usable.
func FuzzDataSource(f *testing.F) {
	for _, body := range []string{
		`{"uuid":"01234567-89AB-cdef-0123-456789abcdef","title":"Rows","fields":[{"name":"Channel","input":"TextInput"},"Queue",7,null]}`,
		`{"id":17,"name":null,"fields":{"a":1}}`, `{"uuid":"","id":"x"}`, `{}`, `null`, `[]`, `17`, `"x"`, `{`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d DataSource
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &d); err != nil {
			return
		}
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatalf("%q is read as %+v", body, d)
		}
		if !isUUID(d.UUID) || slices.Contains(d.Fields, "") || len(d.Texts) > len(d.Fields) {
			t.Fatalf("%q is read as %+v", body, d)
		}
	})
}

// Only an object is read as a member, and its accounts are whole and distinct.
func FuzzMember(f *testing.F) {
	for _, body := range []string{
		`{"uuid":"01234567-89ab-cdef-0123-456789abcdef","name":"Ida Holm","updating_api_provider_email":"ida@example.dk"}`,
		`{"id":17,"first_name":"Ida","last_name":null,"username":"ida@example.dk"}`,
		`{"updating_api_provider":"Dixa","updating_api_provider_id":7,"data_suppliers":[{"updating_api_provider":"Dixa","updating_api_provider_id":"7"},null,7]}`,
		`{}`, `null`, `[]`, `17`, `"x"`, `{`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var m Member
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &m); err != nil {
			return
		}
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatalf("%q is read as %+v", body, m)
		}
		for i, a := range m.Accounts {
			if a.Provider == "" || a.ID == "" || slices.Contains(m.Accounts[:i], a) {
				t.Fatalf("%q has the accounts %q", body, m.Accounts)
			}
		}
	})
}

// Only an object is read as a row, and a member of it that has no meaning of its own is one of its values.
func FuzzRow(f *testing.F) {
	for _, body := range []string{
		`{"uuid":"01234567-89ab-cdef-0123-456789abcdef","external_id":12,"date":"2026-01-31T12:00:00Z","Queue":"Billing","Seconds":1.50}`,
		`{"reference":"12","member_api_provider":"Dixa","member_api_id":7,"fields":{"Queue":"Billing"},"values":[{"name":"Queue","value":1e999}]}`,
		`{"data":"x","custom_fields":[{"title":"A"},2],"fields":[]}`, `{}`, `null`, `[]`, `17`, `"x"`, `{`, ``,
	} {
		f.Add([]byte(body))
	}
	meant := []string{"uuid", "id", "data_source", "external_id", "reference", "date", "team", "member", "member_name", "member_api_provider", "member_api_id"}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Row
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &r); err != nil {
			return
		}
		if err := json.Unmarshal(body, &object); err != nil || r.Values == nil || !isUUID(r.UUID) || !isUUID(r.DataSource) {
			t.Fatalf("%q is read as %+v", body, r)
		}
		for key := range object {
			if _, ok := r.Values[key]; !ok && !slices.Contains(meant, key) && !slices.Contains(nested[:], key) {
				t.Fatalf("%q has the values %q", body, r.Values)
			}
		}
	})
}

// A list has all of its items, or is none.
func FuzzList(f *testing.F) {
	for _, body := range []string{
		`[]`, ` [{},{"external_id":1}]`, `{"count":3,"next":"http://example.com/?page=2","results":[{},{}]}`, `{"count":"3","next":false,"results":[]}`,
		`{"count":-1,"results":[null]}`, `{"results":null}`, `{"detail":"soon"}`, `[1]`, `{}`, `null`, `17`, `"x"`, `[`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := parse[Row](body)
		if err != nil {
			return
		}
		var items []json.RawMessage
		if json.Unmarshal(body, &items) != nil {
			var envelope struct{ Results []json.RawMessage }
			if err := json.Unmarshal(body, &envelope); err != nil {
				t.Fatalf("%q is read as %+v", body, l)
			}
			items = envelope.Results
		}
		if len(l.items) != len(items) || l.count < -1 || l.more && !l.told {
			t.Fatalf("%q is read as %+v", body, l)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2025, 10, 6, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0}, {"120", 2 * time.Minute}, {" 5 ", 5 * time.Second}, {"-1", 0}, {"1.5", 0}, {"soon", 0},
		{now.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"99999999999", 9223372036 * time.Second}, {"99999999999999999999", 0},
	} {
		if got := retryAfter(row.header, now); got != row.want {
			f.Errorf("%q is %v, want %v", row.header, got, row.want)
		}
		f.Add(row.header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := retryAfter(header, now); got < 0 {
			t.Fatalf("%q is %v", header, got)
		}
	})
}
