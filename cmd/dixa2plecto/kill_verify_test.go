//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// reads returns the requests to registrations that were answered and changed nothing.
func (r *rig) reads() []plectotest.Request {
	return slices.DeleteFunc(r.posted(), func(request plectotest.Request) bool {
		return request.Method != http.MethodGet || request.Status != http.StatusOK
	})
}

func testVerification(t *testing.T, reference *rig) {
	whole := len(reference.posted())
	reference.run("verify")
	pages := len(reference.posted()) - whole
	for _, nth := range occurrences(pages) {
		t.Run(fmt.Sprintf("at page %d of %d", nth, pages), func(t *testing.T) {
			t.Parallel()
			r := reference.another(t)
			r.link()
			r.finish("import", "push")
			want := r.registrations()
			p := unheard("registrations", pages)
			p.command = "verify"
			r.killAt(p, r.posts+nth, "verify")
			r.run("verify")
			if again := len(r.reads()); again != pages {
				t.Errorf("%d pages were read in all, %d are needed", again, pages)
			}
			r.posts += 1 + pages // which are requests to registrations too
			r.checkPlecto(want)
			r.checkIntegrity()
		})
	}
}

// testErasure erases a customer with texts that are nowhere else.
func testErasure(t *testing.T, reference *rig) {
	const canary, email, conversations = "kanarie4711", "kirsten.toft@example.dk", 150
	texts := map[string][]json.RawMessage{}
	for n := range conversations {
		id, at := 9_000_000+n, 1_755_000_000_000+n*1000
		texts["conversations"] = append(texts["conversations"], json.RawMessage(fmt.Sprintf(
			`{"id":%d,"created_at":%d,"updated_at":%d,"status":"open","requester_email":%q,"subject":%q}`, id, at, at, email, canary)))
		texts["messages"] = append(texts["messages"], json.RawMessage(fmt.Sprintf(
			`{"id":"%08d","csid":%d,"created_at":%d,"direction":"inbound","text":%q,"author_email":%q}`, id, id, at, canary, email)))
	}
	erase := []string{"erase", "--requester", strings.ToUpper(email), "--yes"}
	begin := func(t *testing.T) *rig {
		r := newRig(t, reference.program, new(dixatest.World))
		for kind, all := range texts {
			r.run("sources", "add", kind, "--title", "Personal "+kind, "--fields", map[string]string{"conversations": "subject,status", "messages": "text,direction"}[kind])
			for _, one := range all {
				if err := r.world.Put(kind, one); err != nil {
					t.Fatal(err)
				}
			}
		}
		r.finish("import", "push")
		if here, there := r.holds(canary); !here || there != 2*conversations {
			t.Fatalf("before: in the cache's folder %v, in Plecto %d", here, there)
		}
		return r
	}
	done := func(r *rig) {
		r.Helper()
		r.run(erase...)
		if here, there := r.holds(canary); here || there > 0 {
			r.Errorf("after: in the cache's folder %v, in %d rows of Plecto", here, there)
		}
		r.checkIntegrity()
		for _, v := range r.plecto.Violations() {
			r.Error(v)
		}
	}
	const posts = 4 // two for each kind
	for _, nth := range []int{1, 2, 3, 4} {
		for _, p := range []point{unheard("registrations", posts), unanswered(posts)} {
			t.Run(fmt.Sprintf("%s, %d of %d", p.name, nth, posts), func(t *testing.T) {
				t.Parallel()
				r := begin(t)
				before := len(r.posted())
				there, after := p.arrange(r, before+nth)
				doomed := r.start(nil, erase...)
				doomed.until("it is at the point", func() bool { return there(doomed) })
				doomed.kill()
				after()
				if here, _ := r.holds(canary); here {
					t.Error("the cache is not done when Plecto is asked")
				}
				done(r)
				if sent := len(r.posted()) - before; sent > posts+1 {
					t.Errorf("%d requests were made, %d at most are needed", sent, posts+1)
				}
			})
		}
	}
	// From the moment on at which it is remembered there is no more to see from outside: some kills a little later each.
	for _, nth := range []int{1, 20, 75, 150} {
		t.Run("when conversation "+strconv.Itoa(nth)+" is scrubbed", func(t *testing.T) {
			t.Parallel()
			r := begin(t)
			release := r.hold(plectotest.Fault{Request: len(r.posted()) + 1})
			doomed := r.start(nil, erase...)
			doomed.until("so many are scrubbed", func() bool {
				var scrubbed int
				r.query(`SELECT count(*) FROM records WHERE kind = 'conversations' AND body ->> 'subject' IS NULL`, &scrubbed)
				return scrubbed >= nth
			})
			doomed.kill()
			release()
			done(r)
		})
	}
}

// holds tells whether a text is in the folder of the cache, and in how many rows of Plecto it is.
func (r *rig) holds(text string) (here bool, there int) {
	r.Helper()
	files, err := filepath.Glob(r.cache + "*")
	if err != nil {
		r.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			r.Fatal(err)
		}
		here = here || bytes.Contains(body, []byte(text))
	}
	for _, d := range r.plecto.DataSources() {
		for _, one := range r.plecto.Registrations(d.UUID) {
			if strings.Contains(fmt.Sprint(one.Fields), text) {
				there++
			}
		}
	}
	return here, there
}
