package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestTroubleIsMetForAsLongAsThePatienceLasts(t *testing.T) {
	for _, row := range []struct {
		outage   time.Duration
		patience time.Duration
		ok       bool
	}{
		{20 * time.Second, 30 * time.Second, true},
		{29 * time.Second, 30 * time.Second, true},
		{time.Hour, 30 * time.Second, false},
		{time.Hour, 3 * time.Second, false},
		{time.Hour, 0, false},
	} {
		t.Run(fmt.Sprint(row.outage, row.patience), func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.fill()
				r.Patience = row.patience
				r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Count: -1, Do: dixatest.Answer, Status: 503})
				time.AfterFunc(row.outage, r.dixa.Heal)
				began := time.Now()
				_, err := r.Import(r.Context(), month)
				if (err == nil) != row.ok || err != nil && !Temporary(err) {
					r.Errorf("the error is %v", err)
				}
				if took := time.Since(began); !row.ok && took.Round(time.Second) != row.patience {
					r.Errorf("it went on for %v", took)
				}
			})
		})
	}
}

func TestALimitOnTheAgentsIsObeyed(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.put("agents", `{"id":"a1","created_at":0,"displayName":"Ida Holm","email":"ida@example.com"}`)
		r.put("messages", message(1, `,"direction":"outbound","author_email":"ida@example.com"`))
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Agents, Request: 1, Do: dixatest.Answer, Status: 429, Header: http.Header{"Retry-After": {"7"}}})
		began := time.Now()
		r.imported(month)
		r.equal("waited", time.Since(began).Round(time.Second), 7*time.Second)
		_, err := r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.equal("the member", r.plecto.Registrations(src.UUID)[0].MemberName, "Ida Holm")
	})
}

func TestAnEndpointThatListsNoDataSourcesMayStillTakeTheLogin(t *testing.T) {
	for status, accepted := range map[int]bool{200: true, 404: true, 405: true, 401: false, 403: false, 500: false, 301: false} {
		bubble(t, func(r *rig) {
			if status != 200 {
				r.plecto.Fault(plectotest.Fault{Endpoint: "datasources", Count: -1, Status: status, Header: http.Header{"Location": {"http://elsewhere.example.com/"}}})
			}
			checks, _ := r.Check(r.Context())
			r.equal(fmt.Sprint("accepted with ", status), checks[len(checks)-1].OK, accepted)
		})
	}
}

func TestAStopInTheLastRequestIsToldAndLeavesNothingToDo(t *testing.T) {
	bubble(t, func(r *rig) {
		r.fill()
		ctx, cancel := context.WithCancelCause(r.Context())
		told := errors.New("told to stop")
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Do: dixatest.Drip, Bytes: 4096, Interval: time.Second, Hit: func() { cancel(told) }})
		all, err := r.Import(ctx, month)
		if !errors.Is(err, told) || all[0].Windows != 1 {
			r.Errorf("%d windows done, and the error is %v", all[0].Windows, err)
		}
		r.equal("what is left to do", counts(r.imported(month)[0]), "0 windows, 0 requests, 0 records, 0 changed, 0 aside")
	})
}

func TestASyncSendsFirstWhatWasPendingBefore(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 5)...)
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Count: -1, Do: dixatest.Answer, Status: 429, Header: http.Header{"Retry-After": {"3600"}}})
		ctx, cancel := context.WithTimeoutCause(r.Context(), time.Minute, ErrOutOfTime)
		defer cancel()
		_, pushed, err := r.Sync(ctx, PushOptions{})
		if !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 5)
		r.equal("told as sent", pushed[0].Sent, 5)
	})
}
