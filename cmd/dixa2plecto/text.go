package main

import (
	"fmt"
	"strings"
	"unicode"
)

// plain makes text from elsewhere harmless for a terminal and for a CI log: control characters, those that turn the
// direction of writing, and whatever else shows nothing become visible escapes. Every text that is printed for people
// passes through here or through a logger, which quotes.
//
// A line that starts with two colons is a command to GitHub's runner, so that no line may start with such text.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
func plain(text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "::") {
		text = strings.Replace(text, "::", `\u003a\u003a`, 1)
	}
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden reports whether a character does something other than to show: C0, C1, DEL, bidirectional and other format
// characters, line and paragraph separators. Joiners stay, since emoji are made with them.
func hidden(r rune) bool {
	return r != '\u200d' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}
