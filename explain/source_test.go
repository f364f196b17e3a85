package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every code that sidegate can show has a text: in the literals of web.Error, in what is
// assigned to a Code, in the refusals of the token endpoint, and behind the log's
// "refused_".
func TestEveryCodeInTheSourceIsExplained(t *testing.T) {
	found := emitted(t, "..")
	if len(found) < 40 {
		t.Fatalf("only %d codes were found: the test does not see the source", len(found))
	}
	for code, where := range found {
		if _, ok := Find(code); !ok {
			t.Errorf("%s: nothing explains the code %q", where, code)
		}
	}
}

// The test above is worth what it sees.
func TestTheSourceIsReadInAllItsForms(t *testing.T) {
	const source = `package x
const reason = "by_constant"
func f() {
	_ = &web.Error{Code: "by_literal"}
	_ = Error{Code: "in_package_web"}
	e.Status, e.Code = 1, "by_assignment"
	e.Code = cmp.Or(e.Code, "by_default")
	_ = refusal{Error: "by_refusal"}
	_ = Decision{Reason: reason}
	_ = Decision{Allowed: true, Reason: "let_in"}
	_ = other{Code: "no_error_of_ours"}
}`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := codesIn(file)
	want := []string{"by_literal", "in_package_web", "by_assignment", "by_default", "by_refusal", "refused_by_constant"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

// emitted returns each code in the program's source below root, and a file that has it.
func emitted(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "test" || d.Name() == "demo" || d.Name() == "explain" || d.Name() == "logintest"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, code := range codesIn(file) {
			found[code] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// codesIn returns the codes in one file, in their order.
func codesIn(file *ast.File) []string {
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			codes = append(codes, codesOf(file, n)...)
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if at, ok := left.(*ast.SelectorExpr); ok && at.Sel.Name == "Code" && i < len(n.Rhs) {
					codes = append(codes, texts(file, n.Rhs[i])...)
				}
			}
		}
		return true
	})
	return codes
}

func codesOf(file *ast.File, lit *ast.CompositeLit) (codes []string) {
	name := ""
	switch kind := lit.Type.(type) {
	case *ast.Ident:
		name = kind.Name
	case *ast.SelectorExpr:
		name = kind.Sel.Name
	}
	field := map[string]string{"Error": "Code", "refusal": "Error", "Decision": "Reason"}[name]
	before := ""
	for _, e := range lit.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch key, _ := pair.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Allowed":
			return nil
		case key.Name == field:
			if name == "Decision" {
				before = "refused_"
			}
			for _, text := range texts(file, pair.Value) {
				codes = append(codes, before+text)
			}
		}
	}
	return codes
}

// texts returns the string literals in an expression, and what a constant of the file
// stands for.
func texts(file *ast.File, e ast.Expr) (found []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				found = append(found, text)
			}
		case *ast.Ident:
			if n.Obj == nil {
				break
			}
			if spec, ok := n.Obj.Decl.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
					found = append(found, texts(file, lit)...)
				}
			}
		}
		return true
	})
	return found
}
