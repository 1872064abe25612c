package writ_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rules is the number of rules in section 3 of rfc8725bis.
const rules = 15

var (
	ruleRow  = regexp.MustCompile(`(?m)^\| 3\.(\d+) [^|]+\| [^|]+\|([^|]+)\|$`)
	ruleTest = regexp.MustCompile("`(\\w+\\.TestRule3_(\\d\\d)\\w+)`")
	ruleFile = regexp.MustCompile(`^rfc8725_3_(\d\d)_\w+_test\.go$`)
)

// TestRules: SECURITY.md's table has every rule of rfc8725bis with the tests of it, every one of which exists in a file of
// that rule and asserts something, and no test of a rule is missing from the table.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	exist, named, seen := ruleTests(t), map[string]bool{}, map[string]bool{}
	for _, row := range ruleRow.FindAllStringSubmatch(string(text), -1) {
		rule := fmt.Sprintf("%02s", row[1])
		if seen[rule] {
			t.Errorf("rule 3.%s has two rows", row[1])
		}
		seen[rule] = true
		tests := ruleTest.FindAllStringSubmatch(row[2], -1)
		if len(tests) == 0 {
			t.Errorf("rule 3.%s names no test", row[1])
		}
		for _, test := range tests {
			named[test[1]] = true
			if test[2] != rule {
				t.Errorf("rule 3.%s names %s, of another rule", row[1], test[1])
			}
			if exist[test[1]] != rule {
				t.Errorf("rule 3.%s names %s, which is in no rfc8725_3_%s_*_test.go", row[1], test[1], rule)
			}
		}
	}
	for n := 1; n <= rules; n++ {
		if !seen[fmt.Sprintf("%02d", n)] {
			t.Errorf("rule 3.%d is not in the table", n)
		}
	}
	if len(seen) != rules {
		t.Errorf("%d rules in the table, want %d", len(seen), rules)
	}
	for _, test := range slices.Sorted(maps.Keys(exist)) {
		if !named[test] {
			t.Errorf("%s is not in the table", test)
		}
	}
}

// ruleTests are the test functions in files of rules, by room and name, with the number of their file.
func ruleTests(t *testing.T) map[string]string {
	t.Helper()
	tests := map[string]string{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "bin" || file != "." && strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		number := ruleFile.FindStringSubmatch(entry.Name())
		if number == nil {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		room, found := path.Base(filepath.ToSlash(filepath.Dir(file))), 0
		for _, declaration := range parsed.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Test") {
				continue
			}
			tests[room+"."+function.Name.Name] = number[1]
			if found++; !canFail(function) {
				t.Errorf("%s: %s cannot fail", file, function.Name.Name)
			}
		}
		if found == 0 {
			t.Errorf("%s has no test", file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// canFail tells whether a test calls anything that fails it, and is not skipped.
func canFail(function *ast.FuncDecl) bool {
	can, skips := false, false
	ast.Inspect(function.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			switch n.Sel.Name {
			case "Error", "Errorf", "Fatal", "Fatalf":
				can = true
			case "Skip", "Skipf", "SkipNow":
				skips = true
			}
		case *ast.Ident:
			can = can || n.Name == "refused" || n.Name == "runClaims" || n.Name == "resigned"
		}
		return true
	})
	return can && !skips
}
