package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// result prints what a command found out: as JSON where that was asked for, else for people unless they want quiet.
func (a *app) result(document any, forPeople func() error) error {
	if a.watch != nil {
		a.watch.close() // nothing is drawn over what comes now
	}
	switch {
	case a.json:
		return printJSON(a.stdout, document, true)
	case !a.quiet:
		return forPeople()
	}
	return nil
}

// printJSON prints one document. Characters that JSON allows and a terminal obeys are escaped.
func printJSON(w io.Writer, document any, indent bool) error {
	var text []byte
	var err error
	if indent {
		text, err = json.MarshalIndent(document, "", "  ")
	} else {
		text, err = json.Marshal(document)
	}
	if err != nil {
		return err
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
	_, err = fmt.Fprintln(w, b.String())
	return err
}
