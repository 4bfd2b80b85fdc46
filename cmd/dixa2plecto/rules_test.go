package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dixa2plecto/dixa2plecto/"

func TestImportsAreWhereTheyBelong(t *testing.T) {
	const (
		leaf     = "it is a leaf, which no other leaf knows"
		network  = "only the two clients talk to the services"
		database = "all SQL is in store, so that another database can take its place"
		people   = "only the command knows flags, terminals and folders"
	)
	rules := []struct {
		imported, because string
		by                []string // folders, with what is beneath them
	}{
		{"dixa", leaf, []string{"dixa", "cmd"}},
		{"store", leaf, []string{"store", "cmd"}},
		{"plecto", leaf, []string{"plecto", "cmd"}},
		{"dixa/dixatest", "outside tests only the demo simulates Dixa", []string{"cmd/dixa2plecto"}},
		{"plecto/plectotest", "outside tests only the demo simulates Plecto", []string{"cmd/dixa2plecto"}},
		{"cmd/internal/bridge", "flows are for the command to run", []string{"cmd/dixa2plecto"}},
		{"github.com/go-resty/resty", network, []string{"dixa", "plecto"}},
		{"database/sql", database, []string{"store"}},
		{"modernc.org/sqlite", database, []string{"store"}},
		{"github.com/pressly/goose", database, []string{"store"}},
		{"github.com/spf13/cobra", people, []string{"cmd/dixa2plecto"}},
		{"github.com/olekukonko/tablewriter", people, []string{"cmd/dixa2plecto"}},
		{"github.com/vbauerster/mpb", people, []string{"cmd/dixa2plecto"}},
		{"github.com/lmittmann/tint", people, []string{"cmd/dixa2plecto"}},
		{"github.com/zalando/go-keyring", people, []string{"cmd/dixa2plecto"}},
		{"github.com/adrg/xdg", people, []string{"cmd/dixa2plecto"}},
		{"golang.org/x/term", people, []string{"cmd/dixa2plecto"}},
		{"cmd/internal/wire", "it is for tests", nil},
		{"testing", "it is for tests", []string{"cmd/internal/wire"}},
	}
	beneath := func(dir string) func(string) bool {
		return func(p string) bool { return dir == p || strings.HasPrefix(dir, p+"/") }
	}
	for file, tree := range sources(t) {
		for _, spec := range tree.Imports {
			imported := strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module)
			for _, rule := range rules {
				if beneath(imported)(rule.imported) && !slices.ContainsFunc(rule.by, beneath(path.Dir(file))) {
					t.Errorf("%s imports %s: %s", file, imported, rule.because)
				}
			}
		}
	}
}

// Whoever imports the other packages decides for itself what is printed, read from the environment, and when to end.
func TestOnlyTheCommandTouchesItsProcess(t *testing.T) {
	touching := []string{
		"os.Getenv", "os.LookupEnv", "os.Environ", "os.Exit", "os.Args", "os.Stdin", "os.Stdout", "os.Stderr",
		"fmt.Print", "fmt.Printf", "fmt.Println", "log.Fatal", "log.Print", "log.Printf", "log.Println",
	}
	for file, tree := range sources(t) {
		if strings.HasPrefix(file, "cmd/dixa2plecto/") {
			continue
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(touching, pkg.Name+"."+sel.Sel.Name) {
				t.Errorf("%s uses %s.%s", file, pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// State that packages share would tie one execution of the program to another, and tests to each other.
func TestPackagesHoldNoState(t *testing.T) {
	files := sources(t)
	variables := map[string]bool{} // by folder and name
	for file, tree := range files {
		for _, decl := range tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s has an init", file)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
						for _, name := range v.Names {
							variables[path.Join(path.Dir(file), name.Name)] = true
						}
					}
				}
			}
		}
	}
	for file, tree := range files {
		changed := func(e ast.Expr) {
			if name := reached(e); variables[path.Join(path.Dir(file), name)] {
				t.Errorf("%s changes the package's %s", file, name)
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						changed(e)
					}
				}
			case *ast.IncDecStmt:
				changed(n.X)
			}
			return true
		})
	}
}

// reached returns the name of the variable that an expression reaches into.
func reached(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.IndexExpr:
		return reached(e.X)
	case *ast.SelectorExpr:
		return reached(e.X)
	case *ast.StarExpr:
		return reached(e.X)
	case *ast.ParenExpr:
		return reached(e.X)
	}
	return ""
}

// sources parses every file of the module that is no test, by its path from the module's root.
func sources(t *testing.T) map[string]*ast.File {
	root := os.DirFS("../..")
	parsed := map[string]*ast.File{}
	err := fs.WalkDir(root, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		parsed[p], err = parser.ParseFile(token.NewFileSet(), p, text, parser.SkipObjectResolution)
		return err
	})
	if err != nil || parsed["store/store.go"] == nil {
		t.Fatalf("reading the module: %d files, %v", len(parsed), err)
	}
	return parsed
}
