package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// What is done is not done again; a torn line is named and stops everything, since it may hide a result.
func TestCellsGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cells.jsonl")
	c, err := read(path)
	if err != nil {
		t.Fatal(err)
	}
	one := Cell{Key: "move/pre-copy/0", Kind: "move", Method: vm.PreCopy, DT: 3 * time.Millisecond}
	one.expect(true, "nothing")
	if !one.OK {
		t.Error("what is as expected is not OK")
	}
	one.expect(false, "%d pages", 7)
	one.expect(true, "nothing")
	one.expect(false, "no beat")
	if err := c.add(one); err != nil {
		t.Fatal(err)
	}
	again, err := read(path)
	if err != nil || !again.done[one.Key] || again.all[0].DT != one.DT {
		t.Fatalf("%+v, %v", again, err)
	}
	if got := again.all[0]; got.OK || got.Not != "7 pages; no beat" {
		t.Errorf("kept as %t, %q", got.OK, got.Not)
	}
	if s := (&study{cells: again}); s.cells.done["move/pre-copy/1"] {
		t.Error("another repetition is done as well")
	}
	slow := Cell{Key: "move/hybrid/0", Again: true}
	if err := again.add(slow); err != nil || again.done[slow.Key] || len(again.all) != 2 {
		t.Errorf("what did not come to its point counts as done: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"Key":"x"`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path); err == nil || !strings.Contains(err.Error(), "result 1") {
		t.Errorf("a torn line: %v", err)
	}
}

func TestRender(t *testing.T) {
	text := render([]Cell{
		{Key: "off/pre-copy/copying/source", Kind: "off", Result: "lost", Took: 41 * time.Second, OK: true},
		{Key: "move/offline/0", Kind: "move", Error: "no pipes", Not: "no pipes"},
		{Key: "move/pre-copy/0", Kind: "move", Result: "moved", OK: true, TMT: 2 * time.Second,
			Forecast: &Forecast{TMT: time.Second, TMTLo: time.Second, TMTHi: -1}},
	})
	for _, want := range []string{"3 tries, 2 as expected, 1 not, 0 that", "| 41 | nowhere |", "refused: no pipes", "**no**: no pipes", "1 (1–never)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	columns := 0 // of the table that a line is in
	for line := range strings.Lines(text) {
		switch n := strings.Count(line, "|"); {
		case n == 0:
			columns = 0
		case columns == 0:
			columns = n
		case n != columns:
			t.Errorf("%d columns under a head of %d: %s", n, columns, line)
		}
	}
}

func TestExpected(t *testing.T) {
	if got := expected(1e9, time.Second); got != writtenSet {
		t.Errorf("written over and over: %v, want all %v", got, writtenSet)
	}
	if got := expected(100, time.Second) / vm.Page; got < 98 || got > 100 {
		t.Errorf("100 pages of many: %d", got)
	}
}
