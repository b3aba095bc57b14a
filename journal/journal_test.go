package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

type entry struct {
	Kind string
	N    int
}

func open(t *testing.T, dir, vmID string) *Journal {
	t.Helper()
	j, err := Open(dir, vmID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func read(t *testing.T, path string) (got []entry, dropped []string) {
	t.Helper()
	raw, dropped, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range raw {
		var e entry
		if err := json.Unmarshal(r, &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	return got, dropped
}

func TestAppendAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	j := open(t, dir, "web")
	for i := range 3 {
		if err := j.Append(entry{"intent", i}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if err := j.Append(entry{"late", 9}); err == nil {
		t.Error("a closed journal takes entries")
	}
	j = open(t, dir, "web") // goes on where it was
	if err := j.Append(entry{"outcome", 3}); err != nil {
		t.Fatal(err)
	}
	got, dropped := read(t, Path(dir, "web"))
	if fmt.Sprint(got) != "[{intent 0} {intent 1} {intent 2} {outcome 3}]" || dropped != nil {
		t.Errorf("got %v, dropped %v", got, dropped)
	}
}

func TestTornTail(t *testing.T) {
	for _, tear := range []int{1, 2, 9, 20} { // from "the newline is missing" to "hardly begun"
		dir := t.TempDir()
		j := open(t, dir, "web")
		for i := range 2 {
			if err := j.Append(entry{"intent", i}); err != nil {
				t.Fatal(err)
			}
		}
		j.Close()
		path := Path(dir, "web")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()-int64(tear)); err != nil {
			t.Fatal(err)
		}
		got, dropped := read(t, path)
		if len(got) != 1 || len(dropped) != 1 || !strings.HasPrefix(dropped[0], "line 2, torn") {
			t.Errorf("%d torn off: got %v, dropped %q", tear, got, dropped)
		}
		// What comes after must not be glued to the torn line.
		j = open(t, dir, "web")
		if err := j.Append(entry{"after", 7}); err != nil {
			t.Fatal(err)
		}
		got, _ = read(t, path)
		if n := len(got); n < 2 || got[0] != (entry{"intent", 0}) || got[n-1] != (entry{"after", 7}) {
			t.Errorf("%d torn off: after reopening got %v", tear, got)
		}
	}
}

func TestIDsDoNotMeet(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"a", "a/b", "a%2Fb", "../a", ".", "", "ü", "A"} {
		if p := Path(dir, id); filepath.Dir(p) != dir {
			t.Errorf("%q leaves its folder: %s", id, p)
		}
		open(t, dir, id) // ErrBusy if two share a lock
	}
}

func TestConcurrentAppends(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "web")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := j.Append(entry{strings.Repeat("x", 9000), i}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, dropped := read(t, Path(dir, "web"))
	if len(got) != 20 || dropped != nil {
		t.Errorf("%d entries, dropped %v", len(got), dropped)
	}
}

func TestBusyWithinOneProcess(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "web")
	_, err := Open(dir, "web")
	var busy *ErrBusy
	if !errors.As(err, &busy) || busy.PID != os.Getpid() || busy.VM != "web" {
		t.Errorf("second open: %v", err)
	}
	j.Close()
	open(t, dir, "web")
}

// TestBusyAcrossProcesses holds the lock in a second process, which lets go of it by being killed.
func TestBusyAcrossProcesses(t *testing.T) {
	if dir := os.Getenv("JOURNAL_HOLD"); dir != "" {
		j, err := Open(dir, "web")
		fmt.Println(err)
		_, _ = os.Stdin.Read(make([]byte, 1)) // until killed
		j.Close()
		return
	}
	dir := t.TempDir()
	holder := exec.Command(os.Args[0], "-test.run=^TestBusyAcrossProcesses$")
	holder.Env = append(os.Environ(), "JOURNAL_HOLD="+dir)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	word := make([]byte, 5)
	if _, err := stdout.Read(word); err != nil || !bytes.HasPrefix(word, []byte("<nil>")) {
		t.Fatalf("the holder says %q, %v", word, err)
	}
	_, err = Open(dir, "web")
	var busy *ErrBusy
	if !errors.As(err, &busy) || busy.PID != holder.Process.Pid {
		t.Errorf("while process %d holds it: %v", holder.Process.Pid, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	open(t, dir, "web")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{\"b\":"))
	f.Add([]byte("\n\nnull\n\x00\x00"))
	f.Add([]byte("{}\r\n[]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, dropped := parse(text)
		lines := 0
		for line := range bytes.Lines(text) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if len(entries)+len(dropped) != lines {
			t.Errorf("%d lines became %d entries and %d dropped", lines, len(entries), len(dropped))
		}
		for _, e := range entries {
			if !json.Valid(e) {
				t.Errorf("%q is no entry", e)
			}
		}
		// What was read whole stays whole, whatever is torn behind it.
		again, _ := parse(append(bytes.Clone(text), "\n{\"torn"...))
		if len(again) < len(entries) {
			t.Errorf("a torn tail took %d entries with it", len(entries)-len(again))
		}
	})
}
