package procfs

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The tightest limit counts, of the process' own group or of one above it.
func TestLeft(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"memory/a/memory.limit_in_bytes":   "9000\n",
		"memory/a/memory.usage_in_bytes":   "4000\n",
		"memory/a/memory.stat":             "inactive_file 1\ntotal_inactive_file 500\n",
		"memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
		"memory/a/b/memory.usage_in_bytes": "3000\n",
		"x/memory.max":                     "700\n",
		"x/memory.current":                 "100\n",
		"x/memory.stat":                    "anon 3\ninactive_file 50\n",
		"x/y/memory.max":                   "max\n",
		"x/y/memory.current":               "100\n",
		"full/memory.max":                  "10\n",
		"full/memory.current":              "30\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		groups string
		want   int64
	}{
		{"4:memory:/a/b\n0::/\n", 5500},
		{"4:cpu,memory:/a\n", 5500},
		{"0::/x/y\n", 650},
		{"0::/full\n", 0},
		{"4:memory:/a\n0::/x/y\n", 650},
		{"0::/\n", math.MaxInt64},
		{"9:pids:/a\n", math.MaxInt64},
		{"0::/../../..\n", math.MaxInt64},
		{"no group\n", math.MaxInt64},
	} {
		if got := left(root, c.groups); got != c.want {
			t.Errorf("%q: %d, want %d", c.groups, got, c.want)
		}
	}
	if room, err := Room(os.Getpid()); err != nil || room <= 0 {
		t.Errorf("this process can get %d, %v", room, err)
	}
}
