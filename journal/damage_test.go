package journal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// written makes a journal with n entries, and gives its path and text.
func written(t *testing.T, n int) (dir string, text []byte) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir, "web")
	for i := range n {
		if err := j.Append(entry{"intent", i}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	text, err := os.ReadFile(Path(dir, "web"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, text
}

// TestTruncated cuts a journal at every byte: all entries that are still whole are read, the torn one is told, and what is
// written next is not lost in it.
func TestTruncated(t *testing.T) {
	const n = 3
	dir, text := written(t, n)
	for size := range len(text) + 1 {
		if err := os.WriteFile(Path(dir, "web"), text[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		whole := bytes.Count(text[:size], []byte("\n"))
		torn := size > 0 && text[size-1] != '\n'
		if torn && text[size] == '\n' {
			whole, torn = whole+1, false // only its end is missing, and the checksum says that it is all there
		}
		got, dropped := read(t, Path(dir, "web"))
		if len(got) != whole || len(dropped) != map[bool]int{true: 1}[torn] {
			t.Fatalf("cut at %d of %d: got %v, dropped %q", size, len(text), got, dropped)
		}
		if torn && !strings.HasPrefix(dropped[0], fmt.Sprintf("line %d, torn", whole+1)) {
			t.Errorf("cut at %d: dropped %q", size, dropped)
		}
		j := open(t, dir, "web")
		if err := j.Append(entry{"after", size}); err != nil {
			t.Fatal(err)
		}
		j.Close()
		got, dropped = read(t, Path(dir, "web"))
		if len(got) != whole+1 || got[whole] != (entry{"after", size}) || len(dropped) != map[bool]int{true: 1}[torn] {
			t.Fatalf("cut at %d of %d: after reopening got %v, dropped %q", size, len(text), got, dropped)
		}
		for i, e := range got[:whole] {
			if e != (entry{"intent", i}) {
				t.Fatalf("cut at %d of %d: after reopening got %v", size, len(text), got)
			}
		}
	}
}

// TestFlipped changes every byte: at most the entries on both sides of it are dropped, and no changed one is believed.
func TestFlipped(t *testing.T) {
	const n = 4
	_, text := written(t, n)
	for i := range text {
		for _, to := range []byte{0, '\n', text[i] ^ 1, text[i] ^ 0x20} {
			if to == text[i] {
				continue
			}
			damaged := bytes.Clone(text)
			damaged[i] = to
			c := parse(damaged)
			line := bytes.Count(text[:i], []byte("\n"))
			for k := range n {
				want := fmt.Sprintf(`{"Kind":"intent","N":%d}`, k)
				found := 0
				for _, e := range c.Entries {
					if string(e.JSON) == want {
						found++
					}
				}
				if hit := k == line || k == line+1 && text[i] == '\n'; found > 1 || found == 0 && !hit {
					t.Fatalf("byte %d of line %d as %q: entry %d is there %d times", i, line+1, to, k, found)
				}
			}
			if len(c.Entries) > n || len(c.Entries) < n && len(c.Dropped) == 0 {
				t.Fatalf("byte %d as %q: %v, dropped %q", i, to, c.Entries, c.Dropped)
			}
			for _, e := range c.Entries {
				if !strings.HasPrefix(string(e.JSON), `{"Kind":"intent","N":`) || len(e.JSON) != len(`{"Kind":"intent","N":0}`) {
					t.Fatalf("byte %d as %q: %v is believed", i, to, e)
				}
			}
		}
	}
}

// TestMissing takes whole lines out of the middle, which only the numbers tell.
func TestMissing(t *testing.T) {
	_, text := written(t, 5)
	lines := bytes.SplitAfter(text, []byte("\n"))
	c := parse(bytes.Join([][]byte{lines[0], lines[3], lines[4]}, nil))
	if len(c.Entries) != 3 || len(c.Dropped) != 1 || c.Dropped[0] != "before line 2: 2 entries are missing" ||
		c.Entries[0].Gap || !c.Entries[1].Gap || c.Entries[2].Gap || c.Gap {
		t.Errorf("got %v, dropped %q", c.Entries, c.Dropped)
	}
}

// TestGarbage puts blocks of zeros and of another file where a crash can leave them.
func TestGarbage(t *testing.T) {
	_, text := written(t, 3)
	lines := bytes.SplitAfter(text, []byte("\n"))
	for _, garbage := range [][]byte{make([]byte, 4096), []byte("GIF89a\n\n\x00\xff"), lines[1][:20]} {
		c := parse(bytes.Join([][]byte{lines[0], lines[1], garbage, lines[2]}, nil))
		if len(c.Entries) != 3 || len(c.Dropped) == 0 {
			t.Errorf("%.10q between lines: got %v, dropped %q", garbage, c.Entries, c.Dropped)
		}
	}
}

// TestGap: of a line that was being written when its writer died nothing was done, of any other that is lost something may
// have been.
func TestGap(t *testing.T) {
	_, text := written(t, 2)
	for tail, gap := range map[string]bool{"": false, `{"crc":"12`: false, "garbage\n": true, "garbage\n" + `{"crc":"12`: true, "\n \n": false} {
		if c := parse(append(bytes.Clone(text), tail...)); c.Gap != gap || len(c.Entries) != 2 {
			t.Errorf("behind %q: %v", tail, c)
		}
	}
}
