package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// githubError is a workflow command that marks a step with an error.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
func githubError(text string) string {
	return "::error title=dixa2plecto::" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(plain(text))
}

// summarize appends a table to the summary of a GitHub Actions step, where there is one.
func (a *app) summarize(t table) error {
	path := a.getenv("GITHUB_STEP_SUMMARY")
	if a.getenv("GITHUB_ACTIONS") != "true" || path == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", markdown(t.title))
	row := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + markdown(c) + " ")
		}
		b.WriteString("|\n")
	}
	row(t.header)
	b.WriteString(strings.Repeat("| --- ", len(t.header)) + "|\n")
	for _, cells := range t.rows {
		row(cells)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, b.String())
	return errors.Join(err, f.Close())
}

// markdown makes text mean only itself in Markdown and HTML.
func markdown(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`).Replace(plain(text))
}
