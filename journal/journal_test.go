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
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Entries {
		var e entry
		if err := json.Unmarshal(r.JSON, &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	return got, c.Dropped
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
	if before := j.Before(); len(before.Entries) != 3 {
		t.Errorf("when it was opened it held %v", before)
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

// FuzzParse: whatever stands in a file, what was written whole before and after it is read.
func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{\"b\":"))
	f.Add([]byte("\n\nnull\n\x00\x00"))
	f.Add([]byte(`{"crc":"00000000","seq":1,"entry":{}}`))
	f.Add([]byte(`{"crc":"{"crc":"`))
	f.Fuzz(func(t *testing.T, garbage []byte) {
		text := []byte{}
		for seq := range uint64(2) {
			line, err := encode(seq+1, entry{"earlier", int(seq)})
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, line...)
		}
		text = append(text, garbage...)
		last, err := encode(3, entry{"later", 2})
		if err != nil {
			t.Fatal(err)
		}
		got := parse(append(text, last...)) // glued to the garbage unless that ends with a line
		n := len(got.Entries)
		if n < 3 || string(got.Entries[0].JSON) != `{"Kind":"earlier","N":0}` || string(got.Entries[1].JSON) != `{"Kind":"earlier","N":1}` ||
			string(got.Entries[n-1].JSON) != `{"Kind":"later","N":2}` {
			t.Errorf("%q took entries with it: %v", garbage, got)
		}
		if len(bytes.TrimSpace(garbage)) > 0 && n == 3 && (len(got.Dropped) == 0 || !got.Entries[2].Gap) {
			t.Errorf("%q is not told: %v", garbage, got)
		}
	})
}
