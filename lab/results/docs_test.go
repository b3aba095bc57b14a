package results

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of metrics in docs/experiments.md anew")

// TestDocs: the table of metrics is what the program knows.
func TestDocs(t *testing.T) {
	const docs = "../../docs/experiments.md"
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, began := strings.Cut(string(text), "<!-- metrics: written by `go test ./lab/results -update` -->\n")
	is, after, ended := strings.Cut(rest, "<!-- end -->")
	if !began || !ended {
		t.Fatal("docs/experiments.md has no place for the table of metrics")
	}
	var want strings.Builder
	want.WriteString("| metric | unit | what |\n|---|---|---|\n")
	for _, m := range Metrics() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", m.Name, m.Unit, m.What)
	}
	if *update {
		whole := strings.TrimSuffix(string(text), rest) + want.String() + "<!-- end -->" + after
		if err := os.WriteFile(docs, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), is); diff != "" {
		t.Errorf("run go test ./lab/results -update:\n%s", diff)
	}
}
