package plecto_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAReplyIsReadWholeOrNotAtAll(t *testing.T) {
	const most = 16 << 20
	filled := func(size int) http.HandlerFunc {
		const before, after = `[{"external_id":"1","Text":"`, `"}]`
		body := before + strings.Repeat("x", most-len(before)-len(after)) + after
		// What may follow is space, so that what is cut off there is still JSON.
		return answers(http.StatusOK, body+strings.Repeat(" ", size-most))
	}
	page, err := client(t, filled(most)).Registrations(t.Context(), plecto.Query{})
	if err != nil || len(page.Rows) != 1 {
		t.Errorf("a reply that is as long as can be gives %d rows, %v", len(page.Rows), err)
	}
	if _, err := client(t, filled(most+1)).Registrations(t.Context(), plecto.Query{}); err == nil || kinds(err) != nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("a reply that is longer gives %v", err)
	}
	// What was sent is accepted, whatever the reply has to say about it.
	if err := send(t, client(t, filled(most+1))); err != nil {
		t.Error(err)
	}
}

func TestALoginOfItsOwnIsAnAccountOfItsOwn(t *testing.T) {
	of := func(url, email, password, salt string) string {
		return plecto.New(plecto.Config{URL: url, Email: email, Password: password}).Account(salt)
	}
	one := of("https://example.com/api/v2", "push@example.com", "secret", "salt")
	for name, same := range map[string]string{
		"the same":           of("https://example.com/api/v2", "push@example.com", "secret", "salt"),
		"another password":   of("https://example.com/api/v2", "push@example.com", "changed", "salt"),
		"a slash at the end": of("https://example.com/api/v2/", "push@example.com", "secret", "salt"),
		"in capitals":        of("https://example.com/api/v2", "Push@Example.com", "secret", "salt"),
	} {
		if same != one {
			t.Errorf("%s: %s is not %s", name, same, one)
		}
	}
	for name, other := range map[string]string{
		"another address": of("https://example.com/api/v3", "push@example.com", "secret", "salt"),
		"another e-mail":  of("https://example.com/api/v2", "pull@example.com", "secret", "salt"),
		"another salt":    of("https://example.com/api/v2", "push@example.com", "secret", "pepper"),
		"shifted":         of("ttps://example.com/api/v2", "push@example.com", "secret", "salth"),
		"no address":      of("", "push@example.com", "secret", "salt"),
	} {
		if other == one {
			t.Errorf("%s is the same account", name)
		}
	}
	if of("", "a@example.com", "", "") != of(plecto.DefaultURL, "a@example.com", "", "") {
		t.Error("Plecto's own address is another account than none")
	}
	if len(one) != 16 || strings.Trim(one, "0123456789abcdef") != "" {
		t.Errorf("the account is %s", one)
	}
}

func TestReadingMakesOneRequestAndDoesNotTryAgain(t *testing.T) {
	for _, fault := range []plectotest.Fault{{Drop: true}, {Status: http.StatusBadGateway}, {Status: http.StatusTooManyRequests}} {
		s := new(plectotest.Server)
		fault.Count = -1
		s.Fault(fault)
		c := client(t, s)
		_, rows := c.Registrations(t.Context(), plecto.Query{})
		_, _, sources := c.DataSources(t.Context(), 1)
		_, _, members := c.Members(t.Context(), 1)
		_, made := c.CreateDataSource(t.Context(), fresh)
		added := c.AddMember(t.Context(), plecto.NewMember{})
		for _, err := range []error{rows, sources, members, made, added} {
			if err == nil {
				t.Error("no error")
			}
		}
		if n := len(s.Requests()); n != 5 {
			t.Errorf("%+v: %d requests, want 5", fault, n)
		}
	}
}
