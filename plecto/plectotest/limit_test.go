package plectotest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestTheHourRolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: 3}}
		get := func() int { return send(t, s, "GET", "/registrations/", nil).status }
		want := func(statuses ...int) {
			t.Helper()
			for i, status := range statuses {
				if got := get(); got != status {
					t.Fatalf("request %d at %v: %d, want %d", i+1, time.Now(), got, status)
				}
			}
		}
		want(200)
		time.Sleep(20 * time.Minute)
		want(200, 200, 429)
		time.Sleep(40*time.Minute - time.Nanosecond)
		want(429)
		time.Sleep(time.Nanosecond)
		want(200, 429, 429) // the first has left the hour; refusals never counted
		time.Sleep(20 * time.Minute)
		want(200, 200, 429)
	})
}

func TestAllMethodsOfRegistrationsShareOneHourAndTheRestAnother(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: 4, RequestsPerHour: 2}}
	source := s.AddDataSource("Conversations")
	created := send(t, s, "POST", "/registrations/", row(source, "1", nil))
	path := "/registrations/" + source + "/" + created.object(t)["uuid"].(string) + "/"
	wantStatus(t, send(t, s, "GET", path, nil), 200)
	wantStatus(t, send(t, s, "PUT", path, row(source, "1", nil)), 200)
	wantStatus(t, send(t, s, "DELETE", path, nil), 204)
	wantStatus(t, send(t, s, "GET", "/registrations/", nil), 429)

	wantStatus(t, send(t, s, "GET", "/members/", nil), 200)
	wantStatus(t, send(t, s, "GET", "/datasources/", nil), 200)
	wantStatus(t, send(t, s, "GET", "/members/", nil), 429)
}

func TestTheLimitIsDocumentedUnlessItIsLifted(t *testing.T) {
	for _, test := range []struct{ limit, last int }{{0, 429}, {-1, 200}} {
		synctest.Test(t, func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: test.limit}}
			for range 3600 {
				wantStatus(t, send(t, s, "GET", "/registrations/", nil), 200)
			}
			wantStatus(t, send(t, s, "GET", "/registrations/", nil), test.last)
			equal(t, "violations", len(s.Violations()) > 0, test.last == 429)
		})
	}
}

func TestHowARequestOverTheLimitIsRefused(t *testing.T) {
	tests := []struct {
		throttle plectotest.Throttle
		status   int
		wait     func(header string) (time.Duration, error) // nil for no header
	}{
		{plectotest.ThrottleSeconds, 429, func(header string) (time.Duration, error) {
			seconds, err := strconv.Atoi(header)
			return time.Duration(seconds) * time.Second, err
		}},
		{plectotest.ThrottleDate, 429, func(header string) (time.Duration, error) {
			at, err := http.ParseTime(header)
			return time.Until(at), err
		}},
		{plectotest.ThrottleSilent, 429, nil},
		{plectotest.ThrottleUnavailable, 503, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.throttle), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: 1, Throttle: test.throttle}}
				source := s.AddDataSource("Conversations")
				time.Sleep(700 * time.Millisecond)
				send(t, s, "GET", "/registrations/", nil)
				time.Sleep(10*time.Minute + 300*time.Millisecond)
				refused := send(t, s, "POST", "/registrations/", row(source, "1", nil))
				wantStatus(t, refused, test.status)
				if refused.object(t)["detail"] == "" {
					t.Errorf("body %s", refused.body)
				}
				equal(t, "stored", len(s.Registrations(source)), 0)
				header := refused.header.Get("Retry-After")
				if test.wait == nil {
					equal(t, "Retry-After", header, "")
					return
				}
				wait, err := test.wait(header)
				if left := 50*time.Minute - 300*time.Millisecond; err != nil || wait < left || wait > left+time.Second {
					t.Fatalf("Retry-After %q, %v; want %v", header, err, left)
				}
				time.Sleep(wait)
				wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", nil)), 201)
			})
		})
	}
}
