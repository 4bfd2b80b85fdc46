package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func TestTextFromElsewhereIsMadeHarmless(t *testing.T) {
	for _, row := range []struct{ text, terminal, summary string }{
		{"Rücksendung 👩‍🔧 → Lager", "Rücksendung 👩‍🔧 → Lager", "Rücksendung 👩‍🔧 → Lager"},
		{"::error::no", `\u003a\u003aerror::no`, `\u003a\u003aerror::no`},
		{" \t::error::no", ` \u0009\u003a\u003aerror::no`, ` \u0009\u003a\u003aerror::no`},
		{"a\x1b[2Jb\rc\nd\x7f\u009b", `a\u001b[2Jb\u000dc\u000ad\u007f\u009b`, `a\u001b\[2Jb\u000dc\u000ad\u007f\u009b`},
		{"\u202egnp.exe\u2066\u200f", `\u202egnp.exe\u2066\u200f`, `\u202egnp.exe\u2066\u200f`},
		{"tag \U000e0041", `tag \U000e0041`, `tag \U000e0041`},
		{"<img src=x> | `x` *y* [z](u)", "<img src=x> | `x` *y* [z](u)", "&lt;img src=x&gt; \\| \\`x\\` \\*y\\* \\[z\\](u)"},
	} {
		if got := plain(row.text); got != row.terminal {
			t.Errorf("%q becomes %q, not %q", row.text, got, row.terminal)
		}
		if got := markdown(row.text); got != row.summary {
			t.Errorf("%q becomes %q in a summary, not %q", row.text, got, row.summary)
		}
	}
}

func TestAnErasureSaysWhatBecameOfIt(t *testing.T) {
	held := map[string]int{"conversations": 1}
	for want, row := range map[string]struct {
		removed bridge.Removed
		failed  error
	}{
		"The content of 1 conversation is erased":   {removed: bridge.Removed{CSIDs: []int64{1}, Records: held}},
		"Of 2 conversations, not all content":       {bridge.Removed{CSIDs: []int64{1, 2}, Records: held}, errors.New("503")},
		"The cache has nothing of 1 conversation":   {removed: bridge.Removed{CSIDs: []int64{1}}},
		"The cache has no conversation of that cus": {},
	} {
		if got := outcome(row.removed, row.failed); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
