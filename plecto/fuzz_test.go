package plecto

import (
	"encoding/json"
	"net/http"
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

// Only an object is read as a data source, and what is read is usable.
func FuzzDataSource(f *testing.F) {
	for _, body := range []string{
		`{"uuid":"01234567-89ab-cdef-0123-456789abcdef","title":"Rows","fields":[{"name":"Channel"},"Queue",7,null]}`,
		`{"id":17,"name":null,"fields":{"a":1}}`, `{"UUID":"","ID":"x"}`, `{}`, `null`, `[]`, `17`, `"x"`, `{`, ``,
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
		if strings.Contains(d.UUID, "-") {
			t.Fatalf("%q has the UUID %q", body, d.UUID)
		}
		for _, name := range d.Fields {
			if name == "" {
				t.Fatalf("%q has the fields %q", body, d.Fields)
			}
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
