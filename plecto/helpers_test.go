package plecto_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
)

const (
	email    = "push@example.com"
	password = "s3cret-pass"
)

// config reaches h over loopback.
func config(t *testing.T, h http.Handler) plecto.Config {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return plecto.Config{Email: email, Password: password, URL: server.URL, HTTP: server.Client()}
}

func client(t *testing.T, h http.Handler) *plecto.Client {
	t.Helper()
	return plecto.New(config(t, h))
}

// answers gives every request the same answer.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// registration is a valid row.
func registration(dataSource, externalID string) plecto.Registration {
	return plecto.Registration{
		DataSource: dataSource, ExternalID: externalID, Date: time.Date(2025, 10, 6, 12, 0, 0, 0, time.UTC),
		MemberProvider: "Dixa", MemberID: "agent-1", MemberName: "Ida Holm",
		Fields: []plecto.Field{{Name: "Channel", Value: "email"}},
	}
}

func send(t *testing.T, c *plecto.Client) error {
	t.Helper()
	return c.Register(t.Context(), []plecto.Registration{registration("0123456789abcdef0123456789abcdef", "1")})
}
