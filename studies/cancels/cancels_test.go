package main

import (
	"os"
	"strings"
	"testing"

	"walm/lab/debian"
	"walm/migrate"
	"walm/studies/kept"
)

// The README holds the table that the results give.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	all, err := kept.Load[Trial](file)
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	text, err := os.ReadFile("studies/cancels/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table(all)) {
		t.Errorf("it has not what go run ./studies/cancels tables prints:\n%s", table(all))
	}
}

// Each version gets as many as were asked for, over one channel and over two.
func TestDue(t *testing.T) {
	first := due(debian.Backports, 3, nil)
	if len(first) != 6 || first[0].Channels != 1 || first[1].Channels != 2 {
		t.Fatal(first)
	}
	if left := due(debian.Backports, 4, first); len(left) != 2 || left[0].N != 3 {
		t.Errorf("left %v", left)
	}
	if left := due(debian.Bookworm, 3, first); len(left) != 6 {
		t.Errorf("of the other version %v are left", left)
	}
}

func TestTable(t *testing.T) {
	got := table([]Trial{
		{QEMU: "10.0.2", Channels: 2, Took: 2e9, Stuck: true, State: migrate.Cancelled, Whole: true},
		{QEMU: "10.0.2", Channels: 2, Took: 1e9},
		{QEMU: "7.2.1", Channels: 1, Took: 3e6, Whole: true},
	})
	want := "| 7.2.1 | 1 | 1 | 0 (0.0 – 79.3 %) | 1 | 3ms, 3ms |\n| 10.0.2 | 2 | 2 | 1 (9.5 – 90.5 %) | 1 | 1s, 1s |\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s", got)
	}
}
