package dixa_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestNoPartOfAnArrayIsTakenForTheWhole(t *testing.T) {
	s := &dixatest.Server{World: new(dixatest.World), Behaviour: dixatest.Behaviour{MessageExportsPerMinute: -1}}
	var ends []int // where each record has its last byte
	size := 0
	for n := range 3 {
		size += len(",") + len(message(n)) // for the first it is the bracket
		ends = append(ends, size)
		if err := s.World.Put("messages", json.RawMessage(message(n))); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, s)
	for _, how := range []dixatest.Action{dixatest.Short, dixatest.Cut} {
		for n := range size + 1 {
			s.Heal()
			s.Fault(dixatest.Fault{Do: how, Bytes: int64(n)})
			records, err := messages(t, c)
			if !errors.Is(err, dixa.ErrBroken) {
				t.Fatalf("after %d of %d bytes the error is %v", n, size+1, err)
			}
			for i, r := range records {
				if n < ends[i] || string(r.Body) != message(i) {
					t.Fatalf("after %d bytes came %s", n, r.Body)
				}
			}
		}
	}
}

func TestAConnectionThatBreaksAfterTheClosingBracketDoesNoHarm(t *testing.T) {
	whole := "[" + message(1) + "]\n"
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)+1))
		w.Write([]byte(whole))
	}))
	if records, err := messages(t, c); len(records) != 1 || err != nil {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestWhatIsNotAWholeArrayIsAnError(t *testing.T) {
	for _, row := range []struct {
		body string
		want error
	}{
		{"", dixa.ErrBroken},
		{" \n", dixa.ErrBroken},
		{"<!DOCTYPE html><title>Sign in</title>", dixa.ErrUnavailable},
		{`{"data":[]}`, dixa.ErrUnavailable},
		{"null", dixa.ErrUnavailable},
		{`"maintenance"`, dixa.ErrUnavailable},
		{"\ufeff[]", dixa.ErrUnavailable},
		{"[,]", dixa.ErrBroken},
		{"[" + message(1) + ",]", dixa.ErrBroken},
		{"[" + message(1) + message(2) + "]", dixa.ErrBroken},
		{"[" + message(1) + "}", dixa.ErrBroken},
		{"[tru]", dixa.ErrBroken},
		{"[]]", dixa.ErrBroken},
		{"[][]", dixa.ErrBroken},
		{"[]{", dixa.ErrBroken},
		{"[]tru", dixa.ErrBroken},
		{`[]"oh`, dixa.ErrBroken},
		{"[]\x00", dixa.ErrBroken},
		{"[]<p>error</p>", dixa.ErrBroken},
	} {
		_, err := messages(t, client(t, says(row.body)))
		if !errors.Is(err, row.want) {
			t.Errorf("%q gives the error %v, want %v", row.body, err, row.want)
		}
	}
}

func TestAPageInPlaceOfAnExportIsQuotedInOneLine(t *testing.T) {
	_, err := messages(t, client(t, says("<html>\r\n<title>Sign\x1b[31m in</title>"+strings.Repeat("<p>", 1000))))
	if text := fmt.Sprint(err); !strings.Contains(text, "<html> <title>Sign [31m in</title>") || len(text) > 400 {
		t.Errorf("the error is %q", text)
	}
}

func TestACompressedRecordWithoutEndNeedsTheMemoryOfOne(t *testing.T) {
	c := client(t, bomb(`[{"text":"`, "x"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := messages(t, c)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") || kinds(err) != nil {
		t.Errorf("the error is %v", err)
	}
	// What is allocated counts, freed or not.
	if used := after.TotalAlloc - before.TotalAlloc; used > 128<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

// bomb answers with a head and then one text without end, compressed.
func bomb(head, text string) http.HandlerFunc {
	member := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		return b.Bytes()
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, err := w.Write(member(head))
		for block := member(strings.Repeat(text, 1<<20)); err == nil; {
			_, err = w.Write(block)
		}
	}
}
