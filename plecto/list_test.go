package plecto_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAPageSaysWhetherAnotherFollows(t *testing.T) {
	for _, row := range []struct {
		body        string
		rows, count int
		more, rest  bool // rest is more of the other lists
	}{
		{`[]`, 0, -1, false, false},
		{` [{}]`, 1, -1, true, false},
		{`{"count":3,"next":"http://example.com/registrations/?page=2","previous":null,"results":[{},{}]}`, 2, 3, true, true},
		{`{"count":3,"next":null,"previous":null,"results":[{},{},{}]}`, 3, 3, false, false},
		{`{"count":0,"next":null,"results":[]}`, 0, 0, false, false},
		{`{"next":2,"results":[{}]}`, 1, -1, true, true},
		{`{"next":"","count":"many","results":[{}]}`, 1, -1, false, false},
		{`{"next":false,"count":-3,"results":[{}]}`, 1, -1, false, false},
		{`{"count":2,"results":[{}]}`, 1, 2, true, false},
		{`{"count":0,"results":[]}`, 0, 0, false, false},
	} {
		c := client(t, answers(http.StatusOK, row.body))
		page, err := c.Registrations(t.Context(), plecto.Query{})
		if err != nil || len(page.Rows) != row.rows || page.Count != row.count || page.More != row.more {
			t.Errorf("%s is read as %+v, %v", row.body, page, err)
		}
		sources, moreSources, err := c.DataSources(t.Context(), 1)
		if err != nil || len(sources) != row.rows || moreSources != row.rest {
			t.Errorf("%s is read as %+v, %v, %v", row.body, sources, moreSources, err)
		}
		members, moreMembers, err := c.Members(t.Context(), 1)
		if err != nil || len(members) != row.rows || moreMembers != row.rest {
			t.Errorf("%s is read as %+v, %v, %v", row.body, members, moreMembers, err)
		}
	}
}

func TestAllPagesOfAListAreFound(t *testing.T) {
	for _, lists := range []plectotest.Lists{plectotest.ListsMixed, plectotest.ListsEnveloped, plectotest.ListsBare} {
		for _, n := range []int{0, 1, 4, 5} {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{Lists: lists, PageSize: 2}}
			c := client(t, s)
			var rows []plecto.Registration
			for i := range n {
				r := registration(s.AddDataSource("Conversations"), fmt.Sprint(i))
				r.MemberID = fmt.Sprint(i)
				rows = append(rows, r)
			}
			if err := c.Register(t.Context(), rows); err != nil {
				t.Fatal(err)
			}
			for name, ask := range map[string]func(page int) (items int, more bool, err error){
				"data sources": func(page int) (int, bool, error) {
					all, more, err := c.DataSources(t.Context(), page)
					return len(all), more, err
				},
				"members": func(page int) (int, bool, error) {
					all, more, err := c.Members(t.Context(), page)
					return len(all), more, err
				},
				"registrations": func(page int) (int, bool, error) {
					got, err := c.Registrations(t.Context(), plecto.Query{Page: page})
					if lists != plectotest.ListsBare && got.Count != n {
						t.Errorf("lists %v: page %d of %d is %+v", lists, page, n, got)
					}
					return len(got.Rows), got.More, err
				},
			} {
				found := 0
				for page, more := 1, true; more && page < 10; page++ {
					var items int
					var err error
					if items, more, err = ask(page); err != nil {
						t.Errorf("lists %v: page %d of %d %s: %v", lists, page, n, name, err)
					}
					found += items
				}
				if found != n {
					t.Errorf("lists %v: %d of %d %s are found", lists, found, n, name)
				}
			}
		}
	}
}

func TestAPageAfterTheLastIsEmpty(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{Lists: plectotest.ListsEnveloped}}
	c := client(t, s)
	page, err := c.Registrations(t.Context(), plecto.Query{Page: 2})
	if err != nil || len(page.Rows) > 0 || page.More || page.Count != -1 {
		t.Errorf("the page is %+v, %v", page, err)
	}
	if got := s.Requests()[0].Status; got != http.StatusNotFound {
		t.Errorf("it was answered with %d", got)
	}
	for _, n := range []int{0, 1} {
		_, rows := client(t, answers(http.StatusNotFound, "")).Registrations(t.Context(), plecto.Query{Page: n})
		_, _, sources := client(t, answers(http.StatusNotFound, "")).DataSources(t.Context(), n)
		if !slices.Equal(kinds(rows), []error{plecto.ErrNotFound}) || !slices.Equal(kinds(sources), []error{plecto.ErrNotFound}) {
			t.Errorf("a first page that is not there: %v and %v", rows, sources)
		}
	}
}

func TestWhatIsNoListIsUnreadableAndWhatIsNotJSONMayPass(t *testing.T) {
	for body, want := range map[string]error{
		"": plecto.ErrUnavailable, "OK": plecto.ErrUnavailable, `[{}`: plecto.ErrUnavailable, `{"results":[{}],"next":null`: plecto.ErrUnavailable, "<html>": plecto.ErrUnavailable,
		"null": plecto.ErrUnreadable, "17": plecto.ErrUnreadable, `{}`: plecto.ErrUnreadable, `{"detail":"soon"}`: plecto.ErrUnreadable,
		`{"results":null}`: plecto.ErrUnreadable, `{"results":{}}`: plecto.ErrUnreadable, `[1]`: plecto.ErrUnreadable, `["x"]`: plecto.ErrUnreadable,
	} {
		c := client(t, answers(http.StatusOK, body))
		_, rows := c.Registrations(t.Context(), plecto.Query{})
		_, _, sources := c.DataSources(t.Context(), 1)
		_, _, members := c.Members(t.Context(), 1)
		for _, err := range []error{rows, sources, members} {
			if !slices.Equal(kinds(err), []error{want}) {
				t.Errorf("%q: %v", body, err)
			}
		}
	}
}
