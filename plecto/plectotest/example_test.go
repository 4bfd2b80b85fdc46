package plectotest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func Example() {
	plecto := &plectotest.Server{Email: "push@example.com", Password: "secret"}
	source := plecto.AddDataSource("Conversations", plectotest.Field{Name: "Queue"})
	plecto.Fault(plectotest.Fault{Endpoint: "registrations", AfterStoring: true, Status: http.StatusBadGateway})

	server := httptest.NewServer(http.StripPrefix("/api/v2", plecto))
	defer server.Close()
	for range 2 {
		body := fmt.Sprintf(`{"data_source": %q, "external_id": 1001, "date": "2026-01-31T12:00:00Z", "Queue": "Billing",
			"member_api_provider": "Dixa", "member_api_id": "a1", "member_name": "Ida Holm"}`, source)
		r, err := http.NewRequest("POST", server.URL+"/api/v2/registrations/", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		r.SetBasicAuth("push@example.com", "secret")
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer.Body.Close()
		fmt.Println(answer.Status)
	}
	for _, r := range plecto.Registrations(source) {
		fmt.Println(r.ExternalID, r.MemberName, r.Fields["Queue"], "written", r.Writes, "times")
	}
	fmt.Println(len(plecto.Violations()), "violations")
	// Output:
	// 502 Bad Gateway
	// 201 Created
	// 1001 Ida Holm Billing written 2 times
	// 0 violations
}
