package dixatest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// page is one reply of a list.
type page struct {
	Data []struct{ ID string }
	Meta *struct{ Next, Previous *string }
}

func readPage(t *testing.T, s *dixatest.Server, path string) (p page, ids []string) {
	t.Helper()
	w := get(s, path)
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 {
		t.Fatalf("%s is answered %d, %v: %s", path, w.Code, err, w.Body)
	}
	for _, a := range p.Data {
		ids = append(ids, a.ID)
	}
	return p, ids
}

// lists are the paths of the lists of small, each of three elements, and how their ids begin.
var lists = map[string]string{"/v1/agents?": "a", activitiesBetween(0, 24) + "&": "l"}

func TestListsComePageByPage(t *testing.T) {
	for list, prefix := range lists {
		for _, limit := range []string{"", "pageLimit=1", "pageLimit=2", "pageLimit=500"} {
			s := behaving(t, func(b *dixatest.Behaviour) {
				b.AgentsPerPage, b.ActivitiesPerPage, b.LastPage = 2, 2, dixatest.MetaAbsent
			})
			var all []string
			path, pages := list+limit, 0
			for path != "" {
				p, ids := readPage(t, s, path)
				all, pages, path = append(all, ids...), pages+1, ""
				if p.Meta != nil {
					path = *p.Meta.Next
				}
			}
			want := 2
			if limit == "pageLimit=1" {
				want = 3
			}
			if !slices.Equal(all, []string{prefix + "1", prefix + "2", prefix + "3"}) || pages != want {
				t.Errorf("%s%s: %v on %d pages, want three on %d", list, limit, all, pages, want)
			}
		}
	}
}

func TestAPageLeadsBackToTheOneBefore(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.AgentsPerPage, b.ActivitiesPerPage = 2, 2 })
	for list := range lists {
		first, want := readPage(t, s, list)
		second, _ := readPage(t, s, *first.Meta.Next)
		if _, got := readPage(t, s, *second.Meta.Previous); !slices.Equal(got, want) {
			t.Errorf("%s: back on %v, want %v", list, got, want)
		}
	}
}

func TestTheLastPageMayEndInThreeWays(t *testing.T) {
	for last, want := range map[dixatest.LastPage]string{
		dixatest.MetaWithoutNext: `,"meta":{}}`,
		dixatest.MetaAbsent:      "]}",
		dixatest.NextNull:        `,"meta":{"next":null}}`,
	} {
		s := behaving(t, func(b *dixatest.Behaviour) { b.LastPage = last })
		for list := range lists {
			body := get(s, list).Body.String()
			if !strings.HasSuffix(body, want) || strings.Contains(body, "meta") != strings.Contains(want, "meta") {
				t.Errorf("%s: last page %d is %s, want %s", list, last, body, want)
			}
		}
	}
}

func TestPagesThatAreNoneAreRefused(t *testing.T) {
	for list := range lists {
		for _, query := range []string{"pageKey=!", "pageKey=eA", "pageLimit=0", "pageLimit=-1", "pageLimit=x"} {
			if got := get(small(t), list+query); got.Code != 400 || got.Body.String() != `{"message":"Invalid value in request"}` {
				t.Errorf("%s%s is answered %d %s", list, query, got.Code, got.Body)
			}
		}
	}
}

func TestAPageOfActivitiesHasTheSwitchesOfAnExport(t *testing.T) {
	body := func(change func(*dixatest.Behaviour)) string {
		return get(behaving(t, change), activitiesBetween(0, 24)).Body.String()
	}
	plain := body(func(*dixatest.Behaviour) {})
	if !strings.Contains(plain, `"attributes":{"note":"<Hej> & æøå"}`) || !strings.Contains(plain, `"2025-10-06T01:00:00.000Z[GMT]"`) {
		t.Errorf("as usual: %s", plain)
	}
	if got := body(func(b *dixatest.Behaviour) { b.PlainTimes = true }); strings.Contains(got, "[GMT]") || !strings.Contains(got, `"2025-10-06T01:00:00.000Z"`) {
		t.Errorf("with plain times: %s", got)
	}
	if got := body(func(b *dixatest.Behaviour) { b.OmitNulls = true }); strings.Contains(got, "author") || !strings.Contains(got, "[GMT]") {
		t.Errorf("without nulls: %s", got)
	}
	if got := body(func(b *dixatest.Behaviour) { b.ExtraFields = true }); strings.Count(got, "sentiment") != 3 {
		t.Errorf("with more fields: %s", got)
	}
	if got := body(func(b *dixatest.Behaviour) { b.RepeatEvery = 2 }); strings.Count(got, `"l2"`) != 2 || strings.Count(got, `"l1"`) != 1 {
		t.Errorf("with every second twice: %s", got)
	}
	if got := body(func(b *dixatest.Behaviour) { b.Shuffle = 3 }); got == plain || len(got) != len(plain) {
		t.Errorf("shuffled: %s", got)
	}
}

func TestFaultsMeetPagesOfActivities(t *testing.T) {
	for _, how := range []string{"no id", "seconds", "not UTF-8", "not object"} {
		for rows, want := range map[int]int{0: 0, 2: 2, 99: 3} {
			s := small(t)
			element := dixatest.Spoilt(dixatest.ActivityLog, how)
			s.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Do: dixatest.Insert, Body: element, Rows: rows})
			var p struct{ Data []json.RawMessage }
			body := get(s, activitiesBetween(0, 24)).Body.Bytes()
			if err := json.Unmarshal(body, &p); err != nil || len(p.Data) != 4 || string(p.Data[want]) != element || last(s).Records != 4 {
				t.Errorf("%s after %d rows: %v, %s", how, rows, err, body)
			}
		}
	}
	s := small(t)
	s.Fault(dixatest.Fault{Do: dixatest.Huge, Bytes: 1 << 20})
	if _, ids := readPage(t, s, activitiesBetween(0, 24)); len(ids) != 4 {
		t.Errorf("with a huge one there are %v", ids)
	}
	s = small(t)
	s.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, WiderThan: 24 * time.Hour, Status: 503})
	if narrow, wide := get(s, activitiesBetween(0, 24)).Code, get(s, activitiesBetween(0, 25)).Code; narrow != 200 || wide != 503 {
		t.Errorf("a day is answered %d, more %d", narrow, wide)
	}
	s = small(t)
	get(s, activitiesBetween(0, 24))
	size := last(s).Bytes
	for _, n := range []int64{-1, 0, 10, size - 1, size} {
		s.Heal()
		s.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Do: dixatest.Cut, Bytes: n})
		_, body, err := fetch(t, s, activitiesBetween(0, 24))
		if err == nil || len(body) != int(max(n, 0)) || last(s).Whole {
			t.Errorf("cut after %d bytes: %q, %v, %+v", n, body, err, last(s))
		}
	}
}
