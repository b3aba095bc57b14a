package figures

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPageRepeats(t *testing.T) {
	a, err := Page(madeUp(t))
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("WALM_FIGURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "page.html"), a, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := Page(madeUp(t)); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the same results gave another page (%v)", err)
	}
}
