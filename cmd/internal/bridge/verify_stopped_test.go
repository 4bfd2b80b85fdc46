package bridge

import (
	"context"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAVerificationThatWasStoppedGoesOn(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*rig) (ctx context.Context, lift func()){
		"by trouble": func(r *rig) (context.Context, func()) {
			return r.Context(), r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 16, Count: -1, Status: 503})
		},
		"by the time": func(r *rig) (context.Context, func()) {
			r.plecto.Behaviour.Latency = time.Second
			ctx, cancel := context.WithCancelCause(r.Context())
			time.AfterFunc(15500*time.Millisecond, func() { cancel(ErrOutOfTime) })
			return ctx, func() { r.plecto.Behaviour.Latency = 0 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				a, b := r.link("messages"), r.link("messages")
				r.cache(messages(0, 1000)...)
				r.pushed()
				r.plecto.Edit(a.UUID, "m0001", map[string]any{"Direction": "sideways"})
				r.plecto.Delete(b.UUID, "m0002")
				before := len(r.reads())
				ctx, lift := stop(r)
				if _, err := r.Verify(ctx, VerifyOptions{}); !Temporary(err) && ctx.Err() == nil {
					r.Errorf("the error is %v", err)
				}
				lift()
				// Rows that are sent meanwhile are no difference, those that are sent again neither.
				r.cache(message(3, `,"duration":5`), message(980, `,"duration":5`))
				if _, err := r.Push(r.Context(), PushOptions{}); err != nil {
					r.Error(err)
				}
				want := map[string]string{"messages m0001": WhyEdited, "messages-2 m0002": WhyDeleted}
				r.sameDifferences("the differences", r.differences(VerifyOptions{}), want)
				whole := 0
				for _, req := range r.reads()[before:] {
					if req.Status == 200 {
						whole++
					}
				}
				// Ten pages of each, and a second look at what differed.
				if whole < 20 || whole > 23 {
					r.Errorf("%d pages were read", whole)
				}
				before = len(r.reads())
				r.sameDifferences("from the start", r.differences(VerifyOptions{}), want)
				if again := len(r.reads()) - before; again < 20 {
					r.Errorf("the next one read %d pages only", again)
				}
			})
		})
	}
}

func TestAVerificationGoesOnThoughItsRowsHaveBeenSentSince(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 300)...)
		r.pushed()
		r.cache(message(1, `,"duration":5`)) // pending when its page is read
		r.plecto.Edit(src.UUID, "m0002", map[string]any{"Direction": "sideways"})
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 2, Count: -1, Status: 503})
		if _, err := r.Verify(r.Context(), VerifyOptions{}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		lift()
		r.cache(message(2, `,"duration":5`), message(400, ""))
		r.pushed()
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{})
	})
}
