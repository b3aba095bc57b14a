package peer

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/peers.md anew")

// TestDocs: the documentation lists what there is.
func TestDocs(t *testing.T) {
	const docs = "../../docs/peers.md"
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- peers: written by `go test ./decide/peer -update` -->\n"
	before, is, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatal("docs/peers.md has no place for the table of peers")
	}
	var want strings.Builder
	want.WriteString("| peer | what it does | a model of |\n|---|---|---|\n")
	for _, p := range All() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", p.Name, p.Does, p.Source)
	}
	if *update {
		if err := os.WriteFile(docs, []byte(before+mark+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), is); diff != "" {
		t.Errorf("run go test ./decide/peer -update:\n%s", diff)
	}
}
