package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands returns every command of the program by the words that call it, without those that cobra adds: completion.
func commands(t *testing.T) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		all[c.CommandPath()] = c
		for _, below := range c.Commands() {
			if below.Name() != "completion" {
				add(below)
			}
		}
	}
	add((&app{world: world{stdout: io.Discard, stderr: io.Discard}}).rootCommand())
	if all["dixa2plecto sources link"] == nil {
		t.Fatal("the commands are not those of the program")
	}
	return all
}

func TestEveryCommandHasTwoExamplesThatParse(t *testing.T) {
	for name, c := range commands(t) {
		lines := commandLines(c.Example)
		if len(lines) < 2 {
			t.Errorf("%s has %d examples", name, len(lines))
		}
		calls := 0
		for _, line := range lines {
			if err := parses(line); err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
			}
			if strings.HasPrefix(line, name) {
				calls++
			}
		}
		if calls == 0 {
			t.Errorf("no example of %s calls it", name)
		}
	}
}

// aside is what may stand beside a command line: a comment after two spaces, a redirection, another command.
var aside = regexp.MustCompile(`  .*| #.*| *(\|\|?|&&?|;|\d?>).*`)

// commandLines returns what is called of this program in a text, from its name to the end of the command.
func commandLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "dixa2plecto "); i >= 0 && (i == 0 || strings.ContainsRune(" `/(", rune(line[i-1]))) {
			line = strings.TrimSpace(line[i:])
			line, _, _ = strings.Cut(line, "`")
			lines = append(lines, strings.TrimSpace(aside.ReplaceAllString(line, "")))
		}
	}
	return lines
}

// parses reads a command line as the program would, and runs nothing.
func parses(line string) error {
	root := (&app{}).rootCommand()
	c, args, err := root.Find(words(line)[1:])
	if err != nil {
		return err
	}
	if err := c.ParseFlags(args); err != nil {
		return err
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	if c.HasSubCommands() && c != root {
		return fmt.Errorf("it does nothing by itself")
	}
	return nil
}

var word = regexp.MustCompile(`(?:[^\s"']|"[^"]*"|'[^']*')+`)

// words splits a command line as a shell does; what is quoted is one word.
func words(line string) []string {
	all := word.FindAllString(line, -1)
	for i := range all {
		all[i] = strings.NewReplacer(`"`, "", "'", "").Replace(all[i])
	}
	return all
}
