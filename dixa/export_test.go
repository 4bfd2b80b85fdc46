package dixa_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestBoundsAreAMillisecondWiderThanTheWindow(t *testing.T) {
	s := new(dixatest.Server)
	c := client(t, s)
	zone := time.FixedZone("", 2*60*60)
	window := dixa.Window{From: day.From.In(zone), To: day.To.In(zone)}
	for _, row := range []struct {
		kind dixa.Kind
		by   dixa.By
		want string
	}{
		{dixa.Conversations, dixa.Created, "/v1/conversation_export?created_after=1759708799999&created_before=1759795200001"},
		{dixa.Conversations, dixa.Updated, "/v1/conversation_export?updated_after=1759708799999&updated_before=1759795200001"},
		{dixa.Messages, dixa.Created, "/v1/message_export?created_after=1759708799999&created_before=1759795200001"},
	} {
		if _, err := read(t, c.Export(t.Context(), dixa.Export{Kind: row.kind, By: row.by, Window: window})); err != nil {
			t.Fatal(err)
		}
		all := s.Requests()
		if r := all[len(all)-1]; r.Path+"?"+r.Query != row.want || r.Auth != "Bearer" {
			t.Errorf("asked %s?%s with %s, want %s", r.Path, r.Query, r.Auth, row.want)
		}
	}
}

func TestConversationsAreAskedForByNumberWithoutBounds(t *testing.T) {
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: day.From, To: day.To})
	s := &dixatest.Server{World: world}
	c := client(t, s)
	all, err := read(t, c.Export(t.Context(), dixa.Export{Kind: dixa.Conversations, By: dixa.Created, Window: day}))
	if err != nil || len(all) < 3 {
		t.Fatalf("%d conversations, %v", len(all), err)
	}
	want := []int64{all[0].CSID, all[1].CSID, all[2].CSID}
	for _, e := range []dixa.Export{
		{Kind: dixa.Conversations, CSIDs: want},
		{Kind: dixa.Conversations, CSIDs: want, By: dixa.Updated, Window: day},
		{Kind: dixa.Conversations, CSIDs: want[:1]},
		{Kind: dixa.Conversations, CSIDs: append(want, 1<<30)},
	} {
		records, err := read(t, c.Export(t.Context(), e))
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range records {
			got = append(got, r.CSID)
		}
		slices.Sort(got)
		if expected := slices.Sorted(slices.Values(want[:min(len(want), len(e.CSIDs))])); !slices.Equal(got, expected) {
			t.Errorf("%d came for %d", got, e.CSIDs)
		}
		asked := s.Requests()[len(s.Requests())-1]
		query, err := url.ParseQuery(asked.Query)
		if list := strings.Trim(strings.ReplaceAll(fmt.Sprint(e.CSIDs), " ", ","), "[]"); err != nil || len(query) != 1 || query.Get("csids") != list {
			t.Errorf("asked %s for %d (%v)", asked.Query, e.CSIDs, err)
		}
	}
}

func TestOnlyConversationsAreAskedForByNumber(t *testing.T) {
	c := client(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was made") }))
	for _, kind := range []dixa.Kind{dixa.Messages, dixa.Activities} {
		if records, err := read(t, c.Export(t.Context(), dixa.Export{Kind: kind, By: dixa.Created, Window: day, CSIDs: []int64{1}})); err == nil || kinds(err) != nil {
			t.Errorf("%d %s, %v", len(records), kind, err)
		}
	}
}

func TestEveryByteOfARecordIsKept(t *testing.T) {
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: day.From, To: day.To})
	for _, row := range []struct {
		name      string
		behaviour dixatest.Behaviour
	}{
		{"as usual", dixatest.Behaviour{}},
		{"compressed", dixatest.Behaviour{Gzip: true}},
		{"without nulls", dixatest.Behaviour{OmitNulls: true}},
		{"with unknown fields", dixatest.Behaviour{ExtraFields: true}},
		{"in disorder, some twice", dixatest.Behaviour{Shuffle: 1, RepeatEvery: 3}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &dixatest.Server{World: world, Behaviour: row.behaviour}
			c := client(t, s)
			for _, kind := range []dixa.Kind{dixa.Conversations, dixa.Messages} {
				records, err := read(t, c.Export(t.Context(), dixa.Export{Kind: kind, By: dixa.Created, Window: day}))
				if err != nil || len(records) < 20 {
					t.Fatalf("%d %s, %v", len(records), kind, err)
				}
				asked := s.Requests()[len(s.Requests())-1]
				again := httptest.NewRequest(http.MethodGet, asked.Path+"?"+asked.Query, nil)
				again.Header.Set("Authorization", "Bearer "+token)
				reply := httptest.NewRecorder()
				s.ServeHTTP(reply, again)
				same(t, records, reply.Body.Bytes())
			}
		})
	}
}

// same holds records against the array that they came in, as the standard library reads it.
func same(t *testing.T, records []dixa.Record, array []byte) {
	t.Helper()
	var elements []json.RawMessage
	if err := json.Unmarshal(array, &elements); err != nil || len(elements) != len(records) {
		t.Fatalf("%d records of %d elements (%v)", len(records), len(elements), err)
	}
	for i, r := range records {
		var want struct {
			ID        json.RawMessage `json:"id"`
			CSID      int64           `json:"csid"`
			CreatedAt int64           `json:"created_at"`
			UpdatedAt int64           `json:"updated_at"`
		}
		if err := json.Unmarshal(elements[i], &want); err != nil {
			t.Fatal(err)
		}
		id := strings.Trim(string(want.ID), `"`)
		if number, err := strconv.ParseInt(id, 10, 64); err == nil {
			want.CSID = number
		}
		if r.ID != id || r.CSID != want.CSID || r.CreatedAt != want.CreatedAt || r.UpdatedAt != want.UpdatedAt || r.Bad != "" {
			t.Fatalf("lifted id %q, csid %d, created %d, updated %d, bad %q from %s", r.ID, r.CSID, r.CreatedAt, r.UpdatedAt, r.Bad, elements[i])
		}
		if !bytes.Equal(r.Body, elements[i]) {
			t.Fatalf("the body\n%s\nwas\n%s", r.Body, elements[i])
		}
	}
}

// endless begins an array and sends one text again and again, until nobody listens.
func endless(text string, gone chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		block := bytes.Repeat([]byte(text), 1+(32<<10)/len(text))
		w.Write([]byte{'['})
		for {
			if _, err := w.Write(block); err != nil {
				close(gone)
				return
			}
		}
	}
}
