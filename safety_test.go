package walm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var heldBy = regexp.MustCompile(`(?s)<!-- held by: (.*?) -->`)

// TestSafety holds docs/safety.md to its word: a test that it names exists, and each sentence of its promises names one.
func TestSafety(t *testing.T) {
	text, err := os.ReadFile("docs/safety.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	n := 0
	for _, m := range heldBy.FindAllStringSubmatch(page, -1) {
		for _, name := range strings.Fields(m[1]) {
			n++
			if why := missing(name); why != "" {
				t.Errorf("%s: %s", name, why)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d tests are named", n)
	}
	for _, sentence := range unheld(page) {
		t.Errorf("no test is named beside %q", sentence)
	}
}

// TestSafetyCatches: what TestSafety looks for it finds.
func TestSafetyCatches(t *testing.T) {
	for page, want := range map[string]int{
		"## The promises\nIt holds. <!-- held by: a.TestB -->\n## Next\nWords.":                      0,
		"## The promises\nIt holds. And so does this. <!-- held by: a.TestB -->\n":                   1,
		"## The promises\nIt holds.\n\nIt holds, too. <!-- held by: a.TestB -->\n":                   1,
		"## The promises\nIt holds. <!-- held by: a.TestB -->\nIt\nholds, too.\n## Next\n":           1,
		"## The promises\n**1. It holds; it does.** <!-- held by: a.TestB -->\nSo it `a.b` does it.": 1,
	} {
		if got := unheld(page); len(got) != want {
			t.Errorf("%q: %q; want %d", page, got, want)
		}
	}
	for _, name := range []string{"migrate.TestNoSuchThing", "nowhere.TestModel", "cmd/walm/testdata/lab/none.txtar", "TestModel"} {
		if missing(name) == "" {
			t.Errorf("%s is found", name)
		}
	}
}

// unheld are the sentences of the promises that are not followed by the name of a test.
func unheld(page string) []string {
	_, promises, _ := strings.Cut(page, "## The promises\n")
	promises, _, _ = strings.Cut(promises, "\n## ")
	ends := regexp.MustCompile(`[.:](?:\*\*)?(?:\s+|$)`)
	numbers := regexp.MustCompile(`(?m)^\*\*\d+\. `)
	var all []string
	for i, part := range heldBy.Split(promises, -1) {
		last := i == len(heldBy.FindAllString(promises, -1))
		var sentences []string
		for _, s := range ends.Split(numbers.ReplaceAllString(part, ""), -1) {
			if s = strings.TrimSpace(s); s != "" {
				sentences = append(sentences, s)
			}
		}
		if !last && len(sentences) > 0 {
			sentences = sentences[:len(sentences)-1]
		}
		all = append(all, sentences...)
	}
	return all
}

// missing says why a test is not there: PACKAGE'S FOLDER.TestName, or the path of a script.
func missing(name string) string {
	if strings.HasSuffix(name, ".txtar") {
		if _, err := os.Stat(name); err != nil {
			return "there is no such script"
		}
		return ""
	}
	dir, function, ok := strings.Cut(name, ".Test")
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if !ok || err != nil || len(files) == 0 {
		return "there are no tests in that folder"
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), "\nfunc Test"+function+"(t *testing.T) {") {
			return ""
		}
	}
	return "there is no such test"
}
