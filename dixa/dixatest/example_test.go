package dixatest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// A client meets a reply that breaks off, asks again and has everything.
func ExampleServer() {
	dixa := &dixatest.Server{World: dixatest.NewWorld(dixatest.Team{Seed: 1}), Token: "example-token"}
	dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 1, Do: dixatest.Cut, Bytes: 5000})
	web := httptest.NewServer(dixa)
	defer web.Close()

	for range 2 {
		r, err := http.NewRequest(http.MethodGet, web.URL+"/v1/message_export?created_after=2025-09-01&created_before=2025-09-03", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Authorization", "Bearer example-token")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, err)
	}
	for _, r := range dixa.Requests() {
		fmt.Println(r.Endpoint, r.Status, r.Whole)
	}
	// Output:
	// 200 unexpected EOF
	// 200 <nil>
	// message_export 200 false
	// message_export 200 true
}
