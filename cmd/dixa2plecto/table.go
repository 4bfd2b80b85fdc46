package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// A table is a result for people: a header, and rows of as many cells.
type table struct {
	title  string // where it stands among others, in the summary of a step
	header []string
	rows   [][]string
	// right marks the columns of figures.
	right []int
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// filled returns the table without the columns that have nothing in any row.
func (t table) filled() table {
	out := table{title: t.title, rows: make([][]string, len(t.rows))}
	for i, name := range t.header {
		if !slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		if slices.Contains(t.right, i) {
			out.right = append(out.right, len(out.header))
		}
		out.header = append(out.header, name)
		for n, row := range t.rows {
			out.rows[n] = append(out.rows[n], row[i])
		}
	}
	return out
}

// print renders the table without borders, its cells made harmless.
func (t table) print(w io.Writer) error {
	align := make([]tw.Align, len(t.header))
	for i := range align {
		align[i] = tw.AlignLeft
	}
	for _, i := range t.right {
		align[i] = tw.AlignRight
	}
	cells := tw.CellConfig{
		Alignment:  tw.CellAlignment{PerColumn: align},
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}},
	}
	var text bytes.Buffer
	out := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Lines:      tw.Lines{ShowHeaderLine: tw.Off, ShowTop: tw.Off, ShowBottom: tw.Off, ShowFooterLine: tw.Off},
				Separators: tw.Separators{BetweenRows: tw.Off, BetweenColumns: tw.Off, ShowHeader: tw.Off, ShowFooter: tw.Off},
			},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cells, Row: cells, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
	)
	out.Header(harmless(t.header))
	for _, row := range t.rows {
		if err := out.Append(harmless(row)); err != nil {
			return err
		}
	}
	if err := out.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func harmless(cells []string) []string {
	all := make([]string, len(cells))
	for i, c := range cells {
		all[i] = plain(c)
	}
	return all
}

// thousands writes a figure with commas.
func thousands(n int) string { return humanize.Comma(int64(n)) }

// counted writes a figure with what it counts, in the plural where it is not one.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}
