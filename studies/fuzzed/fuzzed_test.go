package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTables: CPU time adds up turn by turn, the inputs are those of the last one, and a target without a turn is told.
func TestTables(t *testing.T) {
	targets := []target{{"walm/a", "a", "FuzzOne"}, {"walm/a", "a", "FuzzTwo"}, {"walm/b", "b", "FuzzOne"}}
	all := []Turn{
		{Package: "walm/a", Target: "FuzzOne", CPU: 420, Execs: 7, Inputs: 3},
		{Package: "walm/a", Target: "FuzzTwo", CPU: 30, Execs: 1, Inputs: 2, Finding: "panic"},
		{Package: "walm/a", Target: "FuzzOne", CPU: 180, Execs: 5, Inputs: 4},
		{Package: "walm/gone", Target: "FuzzOne", CPU: 999},
	}
	if got := spent(all, targets[0]); got != 10*time.Minute {
		t.Errorf("it had %v", got)
	}
	got := tables(targets, all)
	for _, want := range []string{"| a | FuzzOne | 10.0 | 12 | 4 | 0 |", "| a | FuzzTwo | 0.5 | 1 | 2 | 1 |", "| b | FuzzOne | 0.0 | 0 | 0 | 0 |",
		"| **all** | 3, of which 1 had 10 CPU minutes | 10.5 | 13 | 6 | 1 |"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// TestFind: targets are the functions of tests, wherever they are.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "x", "y"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "package y\n\nfunc FuzzParse(f *testing.F) {\n}\n\n// func FuzzNone(\nfunc notFuzz() {}\n"
	for _, file := range []string{"x/y/y_test.go", "x/y/y.go"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := find(dir)
	if err != nil || len(all) != 1 || all[0].name != "FuzzParse" || !strings.HasSuffix(all[0].pkg, "x/y") {
		t.Errorf("found %v, %v", all, err)
	}
}

// TestSchedule: the one that had least has its turn first, nobody has two at once, and there is an end.
func TestSchedule(t *testing.T) {
	a, b, c := target{"walm/a", "a", "FuzzA"}, target{"walm/b", "b", "FuzzB"}, target{"walm/bc", "bc", "FuzzC"}
	s := schedule{targets: []target{a, b, c}, each: 10 * time.Minute, busy: map[target]bool{},
		all: []Turn{{Package: a.pkg, Target: a.name, CPU: 540}, {Package: c.pkg, Target: c.name, CPU: 600}}}
	if next, span := s.next(); next != b || span != longest {
		t.Errorf("first %v for %v", next, span)
	}
	if next, span := s.next(); next != a || span != time.Minute {
		t.Errorf("then %v for %v", next, span)
	}
	if next, span := s.next(); span > 0 {
		t.Errorf("then %v for %v, who is at it or had its time", next, span)
	}
	if got := below(s.targets, []string{"b", "nowhere"}); len(got) != 1 || got[0] != b {
		t.Errorf("below b: %v", got)
	}
	if got := below(s.targets, nil); len(got) != 3 {
		t.Errorf("of all: %v", got)
	}
}

func TestExecutions(t *testing.T) {
	out := "fuzz: elapsed: 3s, execs: 10 (3/sec), new interesting: 0 (total: 2)\nfuzz: elapsed: 6s, execs: 1234567 (3/sec)\nPASS\n"
	if n := executions([]byte(out)); n != 1234567 {
		t.Errorf("%d executions", n)
	}
	if n := executions(nil); n != 0 {
		t.Errorf("%d executions of none", n)
	}
}

func TestLate(t *testing.T) {
	for out, want := range map[string]bool{
		"fuzz: elapsed: 2m1s, execs: 1479269 (0/sec)\n--- FAIL: FuzzProgress (120.51s)\n    context deadline exceeded\nFAIL\n":                                     true,
		"--- FAIL: FuzzParse (0.51s)\n    --- FAIL: FuzzParse (0.00s)\n        parse_test.go:9: \"x\"\n\n    Failing input written to testdata/fuzz/FuzzParse/x\n": false,
		"--- FAIL: FuzzParse (0.00s)\n    --- FAIL: FuzzParse/seed#0 (0.00s)\n":                                                                                    false,
	} {
		if late([]byte(out)) != want {
			t.Errorf("%q: late %t", out, !want)
		}
	}
}

// TestArchive: what was packed is unpacked, and a first run has nothing to unpack.
func TestArchive(t *testing.T) {
	from, to, file := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "corpus.tar.zst")
	if err := unpack(file, to); err != nil {
		t.Fatalf("no archive: %v", err)
	}
	want := map[string]string{"a/FuzzOne/1": "go test fuzz v1\n", "a/b/FuzzTwo/2": strings.Repeat("x", 1<<16)}
	for name, text := range want {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755),
			os.WriteFile(filepath.Join(from, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(pack(from, file), unpack(file, to)); err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}
