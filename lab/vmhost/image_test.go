package vmhost

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
)

// The tests of this machine's own programs hold on every Debian for amd64, which is where the lab runs.
const shell = "usr/bin/dash"

func TestLoads(t *testing.T) {
	files, err := loads("/", shell)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{shell, linker, libraries + "/libc.so.6"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is not among %q", want, files)
		}
	}
}

func TestLoadsSaysWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	code, err := os.ReadFile("/" + shell)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755), os.WriteFile(filepath.Join(root, shell), code, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{shell: "libc.so.6", "usr/bin/none": "usr/bin/none"} {
		if _, err := loads(root, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %s", name, err, want)
		}
	}
}

func TestArchive(t *testing.T) {
	from := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(from, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := archive{w: cpio.NewWriter(&out), made: map[string]bool{}}
	a.entry("bin", cpio.TypeSymlink|0o777, []byte("usr/bin"))
	a.file("usr/bin/x", from)
	a.entry("usr/bin/y", cpio.TypeReg|0o644, []byte("data"))
	if a.err != nil || a.w.Close() != nil {
		t.Fatal(a.err)
	}
	var names []string
	r := cpio.NewReader(&out)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if d := path.Dir(h.Name); d != "." && !slices.Contains(names, d) {
			t.Errorf("%s comes before its folder: the kernel would leave it out", h.Name)
		}
		names = append(names, h.Name)
		switch content, _ := io.ReadAll(r); {
		case h.Name == "bin" && h.Linkname != "usr/bin":
			t.Errorf("bin leads to %q", h.Linkname)
		case h.Name == "usr/bin/x" && (string(content) != "program" || h.Mode.Perm() != 0o755):
			t.Errorf("x is %q, %o", content, h.Mode.Perm())
		}
	}
	if want := []string{"bin", "usr", "usr/bin", "usr/bin/x", "usr/bin/y"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

func TestArchiveTellsWhatCannotBeRead(t *testing.T) {
	a := archive{w: cpio.NewWriter(io.Discard), made: map[string]bool{}}
	a.file("x", filepath.Join(t.TempDir(), "none"))
	if a.err == nil {
		t.Error("no error of a file that is not there")
	}
}
