package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSaid: what is kept of two ends, of which one had ended when it was asked and the other was ended after.
func TestSaid(t *testing.T) {
	source := &host{base: filepath.Join(t.TempDir(), "a"), ended: make(chan struct{}), how: "signal: aborted"}
	source.log.WriteString(strings.Repeat("-", lastly) + "Assertion failed")
	close(source.ended)
	dest := &host{base: filepath.Join(t.TempDir(), "b"), ended: make(chan struct{})}
	if err := os.WriteFile(dest.base+".console", []byte("Kernel panic"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := (&trial{source: source, dest: dest}).said()
	if err := os.Remove(dest.base + ".console"); err != nil {
		t.Fatal(err)
	}
	dest.log.WriteString("terminating")
	dest.how = "signal: killed" // by the tester, as it cleared away
	close(dest.ended)
	want := []Said{
		{Ended: "signal: aborted", QEMU: strings.Repeat("-", lastly-len("Assertion failed")) + "Assertion failed"},
		{QEMU: "terminating", Console: "Kernel panic"},
	}
	if diff := cmp.Diff(want, said()); diff != "" {
		t.Error(diff)
	}
	if got := (&trial{}).said()(); !cmp.Equal(got, make([]Said, 2)) {
		t.Errorf("of ends that never were: %+v", got)
	}
}
