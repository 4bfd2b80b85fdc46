package dixa_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAnExportMayTakeAnyTimeButNotPause(t *testing.T) {
	slow := func(d time.Duration) func(*dixatest.Server) {
		return func(s *dixatest.Server) { s.Behaviour.SlowFirstByte = d }
	}
	fault := func(f dixatest.Fault) func(*dixatest.Server) {
		return func(s *dixatest.Server) { s.Fault(f) }
	}
	for _, row := range []struct {
		name string
		slow func(*dixatest.Server)
		ends time.Duration // when the client gives up; 0 where it has patience
	}{
		{"begins in time", slow(119 * time.Second), 0},
		{"begins too late", slow(121 * time.Second), 2 * time.Minute},
		{"never begins", fault(dixatest.Fault{Do: dixatest.Stall, Bytes: -1}), 2 * time.Minute},
		{"drips", fault(dixatest.Fault{Do: dixatest.Drip, Bytes: 1, Interval: 29 * time.Second}), 0},
		{"drips too slowly", fault(dixatest.Fault{Do: dixatest.Drip, Bytes: 1, Interval: 31 * time.Second}), 30 * time.Second},
		{"stalls in a record", fault(dixatest.Fault{Do: dixatest.Stall, Bytes: 200}), 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := bulk(2)
				row.slow(s)
				began := time.Now()
				records, err := messages(t, dixa.New(piped(t, s)))
				took := time.Since(began)
				if row.ends == 0 && (err != nil || len(records) != 2) {
					t.Errorf("%d records, %v", len(records), err)
				}
				if row.ends != 0 && (!errors.Is(err, dixa.ErrBroken) || took != row.ends) {
					t.Errorf("after %v, want %v: %v", took, row.ends, err)
				}
			})
		})
	}
}

func TestAReaderMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 200 // more than any buffer on the way holds
		c := dixa.New(piped(t, bulk(n)))
		seen := 0
		for _, err := range c.Export(t.Context(), dixa.Export{Kind: dixa.Messages, By: dixa.Created, Window: day}) {
			if err != nil {
				t.Fatalf("after %d records: %v", seen, err)
			}
			seen++
			time.Sleep(time.Hour)
		}
		if seen != n {
			t.Errorf("%d records, want %d", seen, n)
		}
	})
}

func TestAnErrorWhoseBodyStallsIsStillThatError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dixa.New(piped(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "not with")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})))
		_, err := messages(t, c)
		if e, ok := errors.AsType[*dixa.Error](err); !ok || e.Message != "not with" || !errors.Is(err, dixa.ErrUnauthorized) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestLeavingEarlyLeavesNothingBehind(t *testing.T) {
	// The bubble ends only when every goroutine of the request has.
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		for r, err := range dixa.New(piped(t, endless(message(1)+",", gone))).Export(t.Context(), dixa.Export{Kind: dixa.Messages, By: dixa.Created, Window: day}) {
			if err != nil || r.ID != "m1" {
				t.Fatalf("%q, %v", r.ID, err)
			}
			break
		}
		<-gone
	})
}
