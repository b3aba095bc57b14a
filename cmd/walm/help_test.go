package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// TestExitCodesInHelp: the table in the help names each exit code there is, once, and no other.
func TestExitCodesInHelp(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !regexp.MustCompile(`^exit[A-Z]`).MatchString(spec.Names[0].Name) {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.INT {
			constants[lit.Value]++
		}
		return true
	})
	if len(constants) < 8 {
		t.Fatalf("found only %v in exit.go", constants)
	}
	for _, c := range []*cobra.Command{newRoot(), newMigrate()} {
		inHelp := map[string]int{}
		for _, row := range regexp.MustCompile(`(?m)^ *([0-9]+)  \S`).FindAllStringSubmatch(c.Long, -1) {
			inHelp[row[1]]++
		}
		if diff := cmp.Diff(constants, inHelp); diff != "" {
			t.Errorf("the help of %s, against the constants:\n%s", c.Name(), diff)
		}
	}
}

// examples are the command lines in the help of a command and all below it.
func examples(c *cobra.Command) [][]string {
	var all [][]string
	for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
		line, _, _ = strings.Cut(line, "|")
		words := shellWords(line)
		if len(words) > 0 && words[0] != "#" {
			all = append(all, words)
		}
	}
	for _, sub := range c.Commands() {
		if sub.Name() != "completion" { // cobra's own
			all = append(all, examples(sub)...)
		}
	}
	return all
}

// shellWords cuts a line as a shell does that knows single quotes.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestExamples: every command line that the help shows is one that walm takes. Those that need no more than a VM are
// run by TestExamplesRun.
func TestExamples(t *testing.T) {
	lines := examples(newRoot())
	if len(lines) < 15 {
		t.Errorf("found only %d examples", len(lines))
	}
	for _, words := range lines {
		t.Run(strings.Join(words, " "), func(t *testing.T) { taken(t, words) })
	}
}

// TestReadme: so is every one that the README shows, and its make targets are there.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(readme)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		switch {
		case !ok:
		case strings.HasPrefix(command, "make "):
			n++
			if target := strings.Fields(command)[1]; !strings.Contains(string(makefile), "\n"+target+":") {
				t.Errorf("there is no target of %q", command)
			}
		case strings.HasPrefix(command, "walm "):
			n++
			t.Run(command, func(t *testing.T) { taken(t, shellWords(command)) })
		}
	}
	if n < 7 {
		t.Errorf("found only %d commands", n)
	}
}

// TestReadmeLeadsEverywhere: a page that no link leads to is read by nobody.
func TestReadmeLeadsEverywhere(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, pattern := range []string{"docs/*.md", "docs/*.png", "*.md", "studies/README.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no page is like %s: %v", pattern, err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		name := strings.TrimPrefix(page, "../../")
		if name != "README.md" && !strings.Contains(string(readme), "("+name) {
			t.Errorf("README.md does not lead to %s", name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)`).FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat(filepath.Join("../..", link[1])); err != nil {
			t.Errorf("README.md leads to %s: %v", link[1], err)
		}
	}
}

// taken checks that walm takes a command line.
func taken(t *testing.T, words []string) {
	t.Helper()
	if words[0] != "walm" {
		t.Fatal("it does not begin with walm")
	}
	root := newRoot()
	c, args, err := root.Find(words[1:])
	if err != nil {
		t.Fatal(err)
	}
	if c == root {
		t.Fatal("it names no command")
	}
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Error(err)
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		t.Error(err)
	}
}

// TestEveryCommandIsExplained: each has an example, unless there is nothing to show, and no line is wider than a page.
func TestEveryCommandIsExplained(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden { // for walm itself
			return
		}
		plain := c.HasSubCommands() || map[string]bool{"help": true, "version": true, "status": true}[c.Name()]
		if c.Short == "" || c.Example == "" && !plain {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len([]rune(line)) > 121 {
				t.Errorf("%s: a line of %d columns: %s", c.CommandPath(), len([]rune(line)), line)
			}
		}
		for _, sub := range c.Commands() {
			if sub.Name() != "completion" {
				visit(sub)
			}
		}
	}
	visit(newRoot())
}

// TestExamplesRun: the examples that need no more than a VM and a place for it do what they show.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, words := range examples(newRoot()) {
		line := strings.Join(words, " ")
		endless := words[1] == "watch" && !strings.Contains(line, "--count")
		if !strings.Contains(line, "qmp+unix") { // libvirt's are tried by scripts
			continue
		}
		if words[1] != "advise" && words[1] != "migrate" && words[1] != "watch" || endless {
			continue
		}
		ran++
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for socket, setting := range map[string]string{"a.qmp": "", "b.qmp": "waits"} {
				stop, err := startFake(filepath.Join(dir, socket), strings.Fields(setting))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(stop)
			}
			line := strings.NewReplacer("qmp+unix:///run/", "qmp+unix://"+dir+"/", "127.0.0.1:49152", freeAddress()).Replace(line)
			args := strings.Fields(line)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "WALM_STATE="+dir+"/state")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		})
	}
	if ran < 7 {
		t.Errorf("only %d examples were run", ran)
	}
}
