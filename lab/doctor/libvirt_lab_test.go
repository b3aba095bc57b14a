//go:build lab

package doctor

import (
	"os"
	"testing"
)

// TestPrivate: what is tried works here, and changes nothing of this machine's.
func TestPrivate(t *testing.T) {
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	name, _ := os.Hostname()
	if err := private(t.Context()); err != nil {
		t.Error(err)
	}
	if now, _ := os.Hostname(); now != name {
		t.Errorf("this machine is %q now, and was %q", now, name)
	}
	if after, _ := os.ReadFile("/proc/self/mountinfo"); len(after) > len(before) {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
	}
}
