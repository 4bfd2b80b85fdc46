package plectotest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// BenchmarkPush sends 20,000 rows of 25 fields in 200 requests over a socket.
func BenchmarkPush(b *testing.B) {
	var fields []plectotest.Field
	values := make(map[string]any)
	for i := range 25 {
		name := fmt.Sprintf("Field number %d", i)
		fields = append(fields, plectotest.Field{Name: name})
		values[name] = "a value of some length"
	}
	// The first UUID is the same in every server.
	source := new(plectotest.Server).AddDataSource("Conversations")
	var bodies []string
	for n := range 200 {
		batch := make([]map[string]any, plectotest.MaxRows)
		for i := range batch {
			batch[i] = row(source, fmt.Sprint(n*len(batch)+i), values)
		}
		body, err := json.Marshal(batch)
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, string(body))
	}
	for b.Loop() {
		s := &plectotest.Server{}
		s.AddDataSource("Conversations", fields...)
		server := httptest.NewServer(s)
		for _, body := range bodies {
			r, err := http.NewRequestWithContext(b.Context(), "POST", server.URL+"/registrations/", strings.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			r.SetBasicAuth("push@example.com", "secret")
			r.Header.Set("Content-Type", "application/json")
			answer, err := server.Client().Do(r)
			if err != nil {
				b.Fatal(err)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != 201 {
				b.Fatal(answer.Status, err)
			}
		}
		server.Close()
		if n := s.DataSources()[0].Registrations; n != 20_000 {
			b.Fatalf("%d registrations", n)
		}
	}
}
