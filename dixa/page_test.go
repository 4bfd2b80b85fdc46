package dixa_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

func TestTheAddressOfTheNextPageGivesItsKeyAlone(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the address was followed") }))
	t.Cleanup(trap.Close)
	for _, row := range []struct{ next, want string }{
		{trap.URL + "/v1/agents?pageKey=abc", "abc"},
		{"//" + strings.TrimPrefix(trap.URL, "http://") + "/?pageKey=abc", "abc"},
		{"/v1/agents?pageLimit=100&pageKey=a%2Bb%26c", "a+b&c"},
		{"?pageKey=abc", "abc"},
	} {
		for name, list := range lists {
			var paths, keys []string
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				paths, keys = append(paths, r.URL.Path), append(keys, r.URL.Query().Get("pageKey"))
				meta := fmt.Sprintf(`{"next":%q}`, row.next)
				if len(keys) > 1 {
					meta = "null"
				}
				fmt.Fprintf(w, `{"data":[{"id":"a%d"}],"meta":%s}`, len(keys), meta)
			}))
			if n, err := list(t, c); err != nil || n != 2 || keys[1] != row.want || paths[1] != paths[0] {
				t.Errorf("%s, %s: %d, %v; the keys asked for are %q at %q", name, row.next, n, err, keys, paths)
			}
		}
	}
}

// pages answers each request with the next of some pages, and then with the last again. It counts the requests.
func pages(requests *int, all ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, all[min(*requests, len(all)-1)])
		*requests++
	}
}

func TestPagesThatLeadNowhereEndTheList(t *testing.T) {
	for _, row := range []struct {
		body     string
		requests int
	}{
		{`{"data":[],"meta":{"next":"/v1/agents?pageKey=same"}}`, 2},
		{`{"data":[],"meta":{"next":"/v1/agents?cursor=2"}}`, 1},
		{`{"data":[],"meta":{"next":"http://[?pageKey=more"}}`, 1},
		{`{"data":[{"id":"a"}],"meta":{"next":null}}`, 1},
		{`{"data":[{"id":"a"}],"meta":null}`, 1},
		{`{"data":[]}`, 1},
	} {
		for name, list := range lists {
			requests := 0
			if _, err := list(t, client(t, pages(&requests, row.body))); err != nil || requests != row.requests {
				t.Errorf("%s, %s: %d requests, %v", name, row.body, requests, err)
			}
		}
	}
}

func TestAPageWhoseNextCannotBeAskedForIsNotTheLast(t *testing.T) {
	const first = `{"data":[{"id":"a"}],"meta":{"next":"?pageKey=same"}}`
	for _, row := range []struct {
		name     string
		pages    []string
		requests int
	}{
		{"no key", []string{`{"data":[{"id":"a"}],"meta":{"next":"/v1/agents?cursor=secret"}}`}, 1},
		{"an empty key", []string{`{"data":[{"id":"a"}],"meta":{"next":"/v1/agents?pageKey="}}`}, 1},
		{"no key later", []string{first, `{"data":[{"id":"b"}],"meta":{"next":"secret"}}`}, 2},
		{"no address", []string{`{"data":[{"id":"a"}],"meta":{"next":"http://[secret?pageKey=b"}}`}, 1},
		{"the same key", []string{first, first}, 2},
		{"the same key after an empty page", []string{`{"data":[],"meta":{"next":"?pageKey=same"}}`, first}, 2},
	} {
		for name, list := range lists {
			requests := 0
			_, err := list(t, client(t, pages(&requests, row.pages...)))
			if text := fmt.Sprint(err); requests != row.requests || kinds(err) != nil || !strings.Contains(text, "the next page has no pageKey") || strings.Contains(text, "secret") {
				t.Errorf("%s, %s: %d requests, %v, which is %v", name, row.name, requests, err, kinds(err))
			}
		}
	}
}

func TestEmptyPagesAreFollowedUpToTen(t *testing.T) {
	const last = `{"data":[{"id":"z"}]}`
	for _, row := range []struct{ empty, before, requests, elements int }{
		{1, 1, 3, 2}, {10, 1, 12, 2}, {11, 1, 12, 1}, {10, 0, 11, 1}, {11, 0, 11, 0},
	} {
		for name, list := range lists {
			var all []string
			for range row.before {
				all = append(all, `{"data":[{"id":"a"}],"meta":{"next":"?pageKey=first"}}`)
			}
			for n := range row.empty {
				all = append(all, fmt.Sprintf(`{"data":[],"meta":{"next":"?pageKey=%d"}}`, n))
			}
			requests := 0
			n, err := list(t, client(t, pages(&requests, append(all, last)...)))
			if err != nil || n != row.elements || requests != row.requests {
				t.Errorf("%s, %+v: %d elements in %d requests, %v", name, row, n, requests, err)
			}
		}
	}
}

func TestOnlyEmptyPagesInARowAreCounted(t *testing.T) {
	for name, list := range lists {
		var all []string
		for n := range 4 {
			for m := range 5 {
				all = append(all, fmt.Sprintf(`{"data":[],"meta":{"next":"?pageKey=%d-%d"}}`, n, m))
			}
			all = append(all, fmt.Sprintf(`{"data":[{"id":"a"}],"meta":{"next":"?pageKey=%d"}}`, n))
		}
		requests := 0
		n, err := list(t, client(t, pages(&requests, append(all, `{"data":[]}`)...)))
		if err != nil || n != 4 || requests != len(all)+1 {
			t.Errorf("%s: %d elements in %d requests, %v", name, n, requests, err)
		}
	}
}

func TestAPageWithoutItsListIsNoEmptyPage(t *testing.T) {
	for _, body := range []string{"", "null", "{}", `{"message":"later"}`, `{"data":null,"meta":null}`, `{"data":{}}`, `[]`, `{"data":[`} {
		for name, list := range lists {
			if _, err := list(t, client(t, says(body))); !errors.Is(err, dixa.ErrUnavailable) {
				t.Errorf("%s, %q: the error is %v", name, body, err)
			}
		}
	}
}
