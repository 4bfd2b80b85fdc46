package main

import (
	"encoding/json"
	"fmt"
	"io"
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

// printJSON prints one document. Characters that JSON allows and a terminal obeys are escaped.
func (a *app) printJSON(w io.Writer, document any, indent bool) {
	var text []byte
	var err error
	if indent {
		text, err = json.MarshalIndent(document, "", "  ")
	} else {
		text, err = json.Marshal(document)
	}
	if err != nil {
		panic(err) // unreachable: documents are structs of this package
	}
	var b strings.Builder
	for _, r := range string(text) {
		if r != '\n' && hidden(r) {
			if r > 0xffff {
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
			continue
		}
		b.WriteRune(r)
	}
	fmt.Fprintln(w, b.String())
}
