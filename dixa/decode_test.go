package dixa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

const whole = `[{"id":1,"created_at":1760000000000,"updated_at":1760000000001},` +
	` {"id":"m1","csid":1,"created_at":"1760000000000","text":"Tak 😊 \u00e6\ud83d"}, null]`

// Without an error the array was whole; a whole array, in UTF-8, gives no error.
func FuzzExport(f *testing.F) {
	for i := range len(whole) + 1 {
		f.Add([]byte(whole[:i]))
	}
	for _, body := range []string{
		"[]", " [ ] ", "[1,]", "[,]", "[]x", `[]"`, "[}", `{"data":[]}`, "<html>", "[\"\xff\"]", "[\"\\ud800\"]", "[1e999]", "[-]", "[01]",
		strings.Repeat("[", 200), "[{\"a\":1,\"a\":2}]", "[\"\x00\"]", "\ufeff[]",
	} {
		f.Add([]byte(body))
	}
	c := New(Config{Token: "example-token"})
	f.Fuzz(func(t *testing.T, body []byte) {
		var elements []json.RawMessage
		var got [][]byte
		valid := json.Unmarshal(body, &elements) == nil && elements != nil
		err := c.decode(iotest.OneByteReader(bytes.NewReader(body)), Messages, func(r Record, err error) bool {
			got = append(got, bytes.Clone(r.Body))
			return err == nil
		})
		switch {
		case err == nil && !valid, err != nil && valid && utf8.Valid(body):
			t.Fatalf("%q: the error is %v, valid by the standard library: %v", body, err, valid)
		case err != nil:
			if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%q: the error is %v", body, err)
			}
			return
		}
		if len(got) != len(elements) {
			t.Fatalf("%q: %d records of %d elements", body, len(got), len(elements))
		}
		for i := range got {
			if !bytes.Equal(got[i], elements[i]) {
				t.Fatalf("%q: record %d is %q, want %q", body, i, got[i], elements[i])
			}
		}
	})
}

func TestWhatNeverEndsIsReadToTheLimit(t *testing.T) {
	c := New(Config{Token: "example-token"})
	for _, row := range []struct {
		head string
		rest endless
	}{{"", ' '}, {"[{}", '\n'}, {"[1", '1'}} {
		body := &io.LimitedReader{R: io.MultiReader(strings.NewReader(row.head), row.rest), N: 1 << 40}
		err := c.decode(body, Messages, func(Record, error) bool { return true })
		if read := 1<<40 - body.N; !errors.Is(err, errTooLarge) || read > MaxRecord+4096 {
			t.Errorf("%q and then %q: %v after %d bytes", row.head, byte(row.rest), err, read)
		}
	}
}

// endless is a text of one byte again and again.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// Whatever is lifted without complaint is what the standard library reads.
func FuzzRecord(f *testing.F) {
	for _, body := range []string{
		`{"id":1,"created_at":1760000000000,"updated_at":1760000000001}`,
		`{ "id" : "m1" ,"csid":1,"created_at":"1760000000000","a":{"id":2,"b":["}",{"c":"]\""}]},"text":"\\\"\u00e6"}`,
		`{"id":1.0,"created_at":1.76e12}`, `{"id":-0,"created_at":0}`, `{"id":"","created_at":null}`, `{}`, `[]`, `null`, `"id"`, `1`,
		`{"id":1,"id":2,"created_at":1760000000000}`, `{"":1,"created_at":true,"id":false}`, `{"id":"\ud800","created_at":1760000000000}`,
		"{\"id\":\"\xff\",\"created_at\":1760000000000}",
	} {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"id":"a1","conversationId":12,"activityTimestamp":"2021-12-01T12:46:36.581Z[GMT]","author":{"id":"x"}}`))
	f.Add([]byte(`{"id":1,"conversationId":null,"activityTimestamp":"2021-12-01T23:46-02:00"}`))
	f.Add([]byte(`{"id":"a1","activityTimestamp":"[GMT]","activityTimestamp":"9999-99-99T99:99:99Z"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		body = bytes.TrimSpace(body)
		if !json.Valid(body) {
			return // the decoder lets nothing else through
		}
		for kind, names := range map[Kind]struct{ csid, created string }{
			Conversations: {"csid", "created_at"},
			Messages:      {"csid", "created_at"},
			Activities:    {"conversationId", "activityTimestamp"},
		} {
			r := lift(kind, body)
			if !bytes.Equal(r.Body, body) {
				t.Fatalf("the body %q became %q", body, r.Body)
			}
			if r.Bad != "" {
				continue
			}
			// A map takes names as they are, where a struct would take any case.
			var want map[string]any
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			if err := d.Decode(&want); err != nil {
				t.Fatalf("%q is taken for one of %s: %v", body, kind, err)
			}
			created := strconv.FormatInt(r.CreatedAt, 10)
			if text, ok := want[names.created].(string); ok && kind == Activities {
				created = text
				day, _, _ := strings.Cut(text, "T")
				if at, err := time.Parse(time.DateOnly, day); err != nil || time.UnixMilli(r.CreatedAt).Sub(at).Abs() > 48*time.Hour {
					t.Fatalf("%q was done at %d", body, r.CreatedAt)
				}
			}
			csid := strconv.FormatInt(r.CSID, 10)
			named := r.CSID == 0 || means(want[names.csid], csid) || kind == Conversations && means(want["id"], csid)
			if !named || !means(want["id"], r.ID) || !means(want[names.created], created) {
				t.Fatalf("%q is one of %s with the id %q, of %d, created at %d", body, kind, r.ID, r.CSID, r.CreatedAt)
			}
		}
	})
}

// means reports whether a JSON value is what was lifted from it. A null that comes after a value is looked over.
func means(value any, lifted string) bool {
	if value == nil || value == lifted {
		return true
	}
	was, ok := new(big.Rat).SetString(fmt.Sprint(value))
	is, number := new(big.Rat).SetString(lifted)
	return ok && number && was.Cmp(is) == 0
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2025, 10, 6, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0}, {"120", 2 * time.Minute}, {" 5 ", 5 * time.Second}, {"0", 0}, {"-1", 0}, {"1.5", 0}, {"soon", 0},
		{now.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{now.Add(time.Hour).Format(time.RFC850), time.Hour},
		{now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"9223372036", 9223372036 * time.Second}, {"99999999999", 9223372036 * time.Second}, {"99999999999999999999", 0},
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
