package main

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func TestReadmeNamesEveryCommandFlagAndVariable(t *testing.T) {
	readme := readme(t)
	names := func(what string) bool {
		return regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(what) + `([^\w-]|$)`).MatchString(readme)
	}
	for name, c := range commands(t) {
		if short := strings.TrimPrefix(name, "dixa2plecto "); !names(short) {
			t.Errorf("it does not name the command %s", short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !names("--"+f.Name) {
				t.Errorf("it does not name --%s of %s", f.Name, name)
			}
		})
	}
	variable := regexp.MustCompile(`^"((DIXA|PLECTO|DIXA2PLECTO|GITHUB|NO)_[A-Z0-9_]+|TERM|_FILE)"$`)
	found := 0
	for file, tree := range sources(t) {
		if !strings.HasPrefix(file, "cmd/dixa2plecto/") {
			continue
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && variable.MatchString(lit.Value) {
				found++
				if !strings.Contains(readme, strings.Trim(lit.Value, `"`)) {
					t.Errorf("it does not name the environment's %s", lit.Value)
				}
			}
			return true
		})
	}
	if found < 10 {
		t.Errorf("the program reads %d variables", found)
	}
}

func TestReadmeDefinesEveryField(t *testing.T) {
	text := readme(t)
	for _, kind := range bridge.Kinds() {
		_, section, _ := strings.Cut(text, "\n### Fields of "+kind+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		_, personal, _ := strings.Cut(section, "Personal,")
		for _, f := range bridge.Fields(kind) {
			row := fmt.Sprintf("| `%s` | %s | %s | %s |", f.Key, f.Title, f.Type, f.Definition)
			switch {
			case f.Usual && !strings.Contains(section, row):
				t.Errorf("of %s it lacks\n%s", kind, row)
			case !strings.Contains(section, "`"+f.Key+"`"), f.Personal != strings.Contains(personal, "`"+f.Key+"`"):
				t.Errorf("of %s it does not tell of %s, or not whether it is personal", kind, f.Key)
			}
		}
	}
}

func TestEveryCommandLineInTheReadmeParses(t *testing.T) {
	for _, line := range commandLines(codeOf(readme(t))) {
		if err := parses(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func readme(t *testing.T) string {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var inline = regexp.MustCompile("`([^`\n]+)`")

// codeOf returns the lines of code blocks and, a line each, the code between backticks.
func codeOf(markdown string) string {
	var code strings.Builder
	fenced := false
	for line := range strings.Lines(markdown) {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			code.WriteString(line)
		default:
			for _, span := range inline.FindAllStringSubmatch(line, -1) {
				code.WriteString(span[1] + "\n")
			}
		}
	}
	return code.String()
}
