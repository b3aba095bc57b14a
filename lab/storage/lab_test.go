//go:build lab

package storage

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/vm"
)

// TestTail: what was written to the end of a disk is read back, from an overlay and from an image on its own.
func TestTail(t *testing.T) {
	cache, err := debian.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := cache.Storage(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(t.TempDir(), "programs")
	whole := make([]byte, load.DiskRegion+3*vm.MiB)
	rand.Read(whole)
	if err := os.WriteFile(below, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	d := Disk{Kind: experiment.Copied, Tools: tools, Dir: filepath.Join(t.TempDir(), "disks")}
	if err := d.Make(t.Context(), below); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Tail(t.Context(), d.Image(), load.DiskRegion); err != nil || !bytes.Equal(got, whole[3*vm.MiB:]) {
		t.Errorf("of an untouched overlay came %d bytes (%v), not the base's", len(got), err)
	}
	alone, err := d.Empty(t.Context(), "b1.qcow2")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Tail(t.Context(), alone, load.DiskRegion); err != nil || !bytes.Equal(got, make([]byte, load.DiskRegion)) {
		t.Errorf("of an empty image came %d bytes (%v), not zeros", len(got), err)
	}
	node, err := json.Marshal(d.Image().Node())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.tool(t.Context(), "convert", "-n", "-O", "qcow2", "json:"+string(node), alone.Path); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Tail(t.Context(), alone, load.DiskRegion); err != nil || !bytes.Equal(got, whole[3*vm.MiB:]) {
		t.Errorf("of a copy came %d bytes (%v), not what was copied", len(got), err)
	}
	if left, err := filepath.Glob(filepath.Join(d.Dir, "tail-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
