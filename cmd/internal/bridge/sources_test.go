package bridge

import (
	"errors"
	"testing"
)

const uuid = "0123456789abcdef0123456789abcdef"

func TestALinkIsMadeOnceHoweverItsUUIDIsWritten(t *testing.T) {
	bubble(t, func(r *rig) {
		for i, written := range []string{"01234567-89ab-cdef-0123-456789abcdef", uuid, "0123456789ABCDEF0123456789ABCDEF"} {
			src, added, err := r.Link(r.Context(), "messages", written, "", nil)
			r.must(err)
			r.equal("the source linked as "+written, []any{src.Name, src.UUID, added}, []any{"messages", uuid, i == 0})
		}
		r.equal("requests to Plecto", len(r.plecto.Requests()), 0)
	})
}

func TestSourcesAreNamedAfterTheirKind(t *testing.T) {
	bubble(t, func(r *rig) {
		for _, row := range []struct{ kind, uuid, name, want string }{
			{"messages", "10000000000000000000000000000000", "", "messages"},
			{"messages", "20000000000000000000000000000000", "messages-2", "messages-2"},
			{"messages", "30000000000000000000000000000000", "", "messages-3"},
			{"conversations", "40000000000000000000000000000000", "", "conversations"},
			{"conversations", "50000000000000000000000000000000", "vip", "vip"},
		} {
			src, _, err := r.Link(r.Context(), row.kind, row.uuid, row.name, nil)
			r.must(err)
			r.equal("the name", src.Name, row.want)
		}
	})
}

func TestALinkThatMakesNoSenseIsRefused(t *testing.T) {
	bubble(t, func(r *rig) {
		_, _, err := r.Link(r.Context(), "messages", uuid, "support", nil)
		r.must(err)
		for _, row := range []struct{ name, kind, uuid, as string }{
			{"an unknown kind", "calls", "10000000000000000000000000000000", ""},
			{"a short UUID", "messages", "1234", ""},
			{"no UUID", "messages", "", ""},
			{"a UUID with a letter too far", "messages", "g0000000000000000000000000000000", ""},
			{"a name that is taken", "messages", "10000000000000000000000000000000", "support"},
			{"a name with a slash", "messages", "10000000000000000000000000000000", "a/b"},
			{"a name with a space", "messages", "10000000000000000000000000000000", "a b"},
			{"the same data source for another kind", "conversations", uuid, ""},
			{"the same data source by another name", "messages", uuid, "other"},
		} {
			if _, added, err := r.Link(r.Context(), row.kind, row.uuid, row.as, nil); !errors.Is(err, ErrUsage) || added {
				r.Errorf("%s: %v", row.name, err)
			}
		}
	})
}
