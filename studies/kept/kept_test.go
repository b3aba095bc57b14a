package kept_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"walm/studies/kept"
)

type result struct {
	N    int
	Text string
}

func TestLoadGivesWhatWasAdded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	if all, err := kept.Load[result](file); err != nil || all != nil {
		t.Fatalf("no file: %v, %v", all, err)
	}
	want := []result{{1, "one"}, {2, strings.Repeat("long ", 100<<10)}, {3, "line\nbreak"}}
	for _, r := range want {
		if err := kept.Add(file, r); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := kept.Load[result](file); err != nil || !slices.Equal(all, want) {
		t.Errorf("%d results, %v", len(all), err)
	}
}

func TestLoadNamesTheLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	if err := os.WriteFile(file, []byte("{\"N\":1}\n{\"N\":2"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := kept.Load[result](file)
	if err == nil || !strings.Contains(err.Error(), "result 2") || all != nil {
		t.Errorf("torn: %v, %v", all, err)
	}
}
