package move

import (
	"encoding/json"
	"slices"
	"testing"

	"walm/journal"
	"walm/measure"
	"walm/migrate"
	"walm/vm"
)

// TestStory: of every prefix of a journal the last move is told, and never the end of the one before.
func TestStory(t *testing.T) {
	act := func(kind string, k vm.ActKind) any {
		return migrate.Entry{Kind: kind, Act: vm.Act{Kind: k, Method: vm.Hybrid}}
	}
	begin := func(id string, m vm.Method) any { return Begun{Kind: kindBegin, ID: id, Method: m} }
	end := func(r measure.Result) any { return Ended{Kind: kindEnd, Result: r} }
	const gap = "gap"
	for _, tt := range []struct {
		name    string
		entries []any
		id      string // of the move that is told
		open    bool
		last    migrate.Last
		pages   int
	}{
		{"nothing", nil, "", false, migrate.Last{}, 0},
		{"begun", []any{begin("a", vm.PreCopy)}, "a", true, migrate.Last{Method: vm.PreCopy}, 1},
		{"started", []any{begin("a", vm.Hybrid), act("intent", vm.ActPrepare), act("outcome", vm.ActPrepare), act("intent", vm.ActStart)},
			"a", true, migrate.Last{Method: vm.Hybrid, Act: vm.ActStart, Open: true, Started: true}, 4},
		{"ended", []any{begin("a", vm.Hybrid), act("intent", vm.ActPrepare), end(measure.Moved)}, "a", false,
			migrate.Last{Method: vm.Hybrid, Act: vm.ActPrepare, Open: true}, 3},
		{"ended without an end", []any{begin("a", vm.Hybrid), end(measure.Paused)}, "a", true, migrate.Last{Method: vm.Hybrid}, 2},
		{"recovered", []any{begin("a", vm.Hybrid), end(measure.Unknown), act("intent", vm.ActRecover), act("outcome", vm.ActRecover), end(measure.Moved)},
			"a", false, migrate.Last{Method: vm.Hybrid, Act: vm.ActRecover, Postcopy: true}, 5},
		{"the next one", []any{begin("a", vm.Hybrid), act("intent", vm.ActPostcopy), end(measure.Moved), begin("b", vm.Offline)},
			"b", true, migrate.Last{Method: vm.Offline}, 1},
		{"the next one's beginning is lost", []any{begin("a", vm.Hybrid), end(measure.Moved), gap, act("intent", vm.ActStart)}, "", true,
			migrate.Last{Act: vm.ActStart, Open: true, Started: true, Gaps: true}, 1},
		{"something in the middle is lost", []any{begin("a", vm.PreCopy), gap, act("outcome", vm.ActPostcopy)}, "a", true,
			migrate.Last{Method: vm.PreCopy, Gaps: true}, 2},
		{"something behind all is lost", []any{begin("a", vm.PreCopy), gap}, "a", true, migrate.Last{Method: vm.PreCopy, Gaps: true}, 1},
		{"something in the move before was lost", []any{begin("a", vm.PreCopy), gap, end(measure.Moved), begin("b", vm.PreCopy)}, "b", true,
			migrate.Last{Method: vm.PreCopy}, 1},
		{"a later walm's entry", []any{begin("a", vm.PreCopy), map[string]any{"Kind": "dance"}, 7}, "a", true, migrate.Last{Method: vm.PreCopy}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c journal.Contents
			for _, e := range tt.entries {
				if e == gap {
					c.Gap = true
					continue
				}
				text, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				c.Entries = append(c.Entries, journal.Entry{JSON: text, Gap: c.Gap})
				c.Gap = false
			}
			s := Tell(c)
			id := ""
			if s.Begun != nil {
				id = s.Begun.ID
			}
			if id != tt.id || s.Open() != tt.open || s.Last != tt.last || len(s.Pages()) != tt.pages {
				t.Errorf("move %q, open %v, %+v, %d pages", id, s.Open(), s.Last, len(s.Pages()))
			}
			kept := journal.Contents{} // what is kept tells the same
			for _, p := range s.Pages() {
				kept.Entries = append(kept.Entries, journal.Entry{JSON: p})
			}
			again := Tell(kept)
			again.Last.Gaps = s.Last.Gaps
			if again.Open() != s.Open() || again.Last != s.Last || !slices.EqualFunc(again.Pages(), s.Pages(), slices.Equal) {
				t.Errorf("kept, it tells %+v", again)
			}
		})
	}
}
