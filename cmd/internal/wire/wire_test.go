package wire_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/wire"
)

func TestADayPassesAtOnceOverTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("slow.example.com/", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(24 * time.Hour)
			io.Copy(w, r.Body)
		})
		hc, began := wire.Serve(t, mux), time.Now()
		for _, row := range []struct {
			url  string
			want int
		}{{"http://slow.example.com/", 200}, {"http://other.example.com/", 404}} {
			resp, err := hc.Get(row.url)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != row.want {
				t.Errorf("%s is answered %d, want %d", row.url, resp.StatusCode, row.want)
			}
		}
		if took := time.Since(began); took != 24*time.Hour {
			t.Errorf("it took %v of the bubble's time, want a day", took)
		}
	})
}

func TestATestMayEndWithARequestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hc := wire.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}))
		resp, err := hc.Get("http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
}

func TestABrokenConnectionReachesTheClient(t *testing.T) {
	hc := wire.Serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if _, err := hc.Get("http://example.com/"); !errors.Is(err, io.EOF) {
		t.Errorf("the error is %v", err)
	}
}
