package results

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/lab/experiment"
	"walm/measure"
	"walm/vm"
)

const text = `walm: 1
name: test
seed: 9
repetitions: 3
base: {spare: 160MiB}
factors:
  workload: ["random:wset=20%,rate=300", idle]
  method: [pre-copy, post-copy]
leave-out: [{workload: idle, method: post-copy}]
`

// begun is a header, and the trials of its plan with outcomes of their own.
func begun(t testing.TB) (Header, []Trial) {
	t.Helper()
	x, err := experiment.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	h := Header{Walm: Version, Version: "v0", Name: x.Name, Experiment: text, Seed: x.Seed, Trials: len(plan),
		Started: time.Unix(1e9, 0).UTC(), Machine: Machine{CPU: "a <CPU> & more", QEMU: []string{"10.0"}}}
	if h.Plan, err = experiment.Fingerprint(plan); err != nil {
		t.Fatal(err)
	}
	var trials []Trial
	for _, p := range plan {
		trials = append(trials, Trial{N: p.N, Block: p.Block, Cell: p.Cell, Setup: p.Setup, Status: Done,
			Started: time.Unix(1e9, int64(p.N)).UTC(), Method: p.Setup.Method, Params: p.Setup.Params,
			Outcome: measure.Outcome{Result: measure.Moved, TMT: time.Duration(p.N) * time.Second, Bytes: vm.MiB}})
	}
	return h, trials
}

// write makes a results file of h and trials, and returns its name and its text.
func write(t testing.TB, h Header, trials []Trial) (string, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.jsonl")
	f, err := Open(path, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		if err := f.Append(trial); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, all
}

func read(t testing.TB, all []byte) Set {
	t.Helper()
	s, err := Read(bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	h, trials := begun(t)
	path, all := write(t, h, trials)
	want := Set{Header: h, Trials: trials}
	if diff := cmp.Diff(want, read(t, all)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"a.jsonl.zst", "b.jsonl.zst"} {
		packed := filepath.Join(t.TempDir(), name)
		if err := Compress(path, packed); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(packed)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("compressed: %v\n%s", err, diff)
		}
	}
}

func TestCompressIsTheSame(t *testing.T) {
	h, trials := begun(t)
	path, all := write(t, h, trials)
	var packed [2][]byte
	for i := range packed {
		name := filepath.Join(t.TempDir(), "test.zst")
		if err := Compress(path, name); err != nil {
			t.Fatal(err)
		}
		var err error
		if packed[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(packed[0], packed[1]) || len(packed[0]) >= len(all) {
		t.Errorf("%d and %d bytes of %d", len(packed[0]), len(packed[1]), len(all))
	}
}

// TestOrder: in whatever order lines stand, the same is read.
func TestOrder(t *testing.T) {
	h, trials := begun(t)
	_, all := write(t, h, trials)
	lines := bytes.SplitAfter(all, []byte("\n"))
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		if diff := cmp.Diff(Set{Header: h, Trials: trials}, read(t, bytes.Join(lines, nil))); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestTorn: wherever a file ends, the whole lines are read, and a run goes on with what is missing.
func TestTorn(t *testing.T) {
	h, trials := begun(t)
	_, all := write(t, h, trials)
	path := filepath.Join(t.TempDir(), "torn.jsonl")
	ends := []int{0, 1}
	for i, b := range all {
		if b == '\n' {
			ends = append(ends, i-1, i, i+1, min(i+40, len(all)))
		}
	}
	for _, end := range ends {
		if err := os.WriteFile(path, all[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, h)
		if err != nil {
			t.Fatalf("torn at %d: %v", end, err)
		}
		kept := max(0, bytes.Count(all[:end], []byte("\n"))-1)
		if len(f.Set.Trials) != kept || len(f.Set.Damaged) > 0 {
			t.Fatalf("torn at %d: %d trials, %q; want %d", end, len(f.Set.Trials), f.Set.Damaged, kept)
		}
		for _, trial := range trials {
			if f.Done(trial.N) {
				continue
			}
			if err := f.Append(trial); err != nil {
				t.Fatal(err)
			}
			if !f.Done(trial.N) {
				t.Fatalf("trial %d was added, and is not done", trial.N)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, all) {
			t.Fatalf("torn at %d and gone on with, the file differs: %v", end, err)
		}
	}
}

// TestChanged: whatever byte is changed, its line alone is left out, and named.
func TestChanged(t *testing.T) {
	h, trials := begun(t)
	_, all := write(t, h, trials)
	for i := 0; i < len(all); i += 29 {
		bad := slices.Clone(all)
		bad[i] ^= 1
		if bad[i] == '\n' || all[i] == '\n' {
			continue // joins or splits lines: two are damaged
		}
		line := bytes.Count(all[:i], []byte("\n")) + 1
		s := read(t, bad)
		want := Set{Header: h, Trials: slices.Clone(trials)}
		if line == 1 {
			want.Header = Header{}
		} else {
			want.Trials = slices.Delete(want.Trials, line-2, line-1)
		}
		if len(s.Damaged) == 0 || !strings.HasPrefix(s.Damaged[0], fmt.Sprintf("line %d: ", line)) {
			t.Fatalf("byte %d of line %d: damaged %q", i, line, s.Damaged)
		}
		s.Damaged = nil
		if diff := cmp.Diff(want, s); diff != "" {
			t.Fatalf("byte %d of line %d:\n%s", i, line, diff)
		}
	}
}

func TestTwice(t *testing.T) {
	h, trials := begun(t)
	_, all := write(t, h, append(slices.Clone(trials), trials[2]))
	s := read(t, all)
	want := fmt.Sprintf("line %d: trial 3 is in line 4 already", len(trials)+2)
	if len(s.Trials) != len(trials) || len(s.Damaged) != 1 || s.Damaged[0] != want {
		t.Errorf("%d trials, %q", len(s.Trials), s.Damaged)
	}
	s = read(t, append(slices.Clone(all), all...))
	if len(s.Trials) != len(trials) || len(s.Damaged) != len(trials)+3 {
		t.Errorf("the file twice: %d trials, %q", len(s.Trials), s.Damaged)
	}
}

func TestTornArchive(t *testing.T) {
	h, trials := begun(t)
	path, _ := write(t, h, trials)
	packed := path + ".zst"
	if err := Compress(path, packed); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	for end := range all {
		s, err := Read(bytes.NewReader(all[:end]))
		if !errors.Is(err, ErrNoResults) && len(s.Damaged) == 0 {
			t.Fatalf("an archive that ends at %d of %d is whole: %v, %d trials", end, len(all), err, len(s.Trials))
		}
	}
}

func TestRefused(t *testing.T) {
	h, trials := begun(t)
	_, all := write(t, h, trials[:2])
	other := h
	other.Plan = "another"
	newer, err := encode(Header{Walm: Version + 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   []byte
		header Header
		want   string
	}{
		"another plan":      {all, other, "of another plan (test, seed 9)"},
		"a newer format":    {newer, h, "of version 2, and this walm reads 1"},
		"no header":         {all[bytes.IndexByte(all, '\n')+1:], h, "their header is damaged"},
		"notes":             {[]byte("buy milk"), h, "no results of an experiment"},
		"notes in lines":    {[]byte("buy milk\nand bread\n"), h, "no results of an experiment"},
		"compressed":        {[]byte("\x28\xb5\x2f\xfd and so on\n"), h, "they are compressed"},
		"nothing but lines": {[]byte("\n\n\n"), h, "nothing in it"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path, c.header)
			if err == nil {
				f.Close()
				t.Fatal("it is taken")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, c.text) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

// TestLock: two runs do not share a file.
func TestLock(t *testing.T) {
	h, _ := begun(t)
	path := filepath.Join(t.TempDir(), "test.jsonl")
	f, err := Open(path, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, h); err == nil || !strings.Contains(err.Error(), "another walm is adding") {
		t.Errorf("error %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(path, h); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestFullDisk: what does not fit is taken back, and told.
func TestFullDisk(t *testing.T) {
	h, trials := begun(t)
	path, all := write(t, h, trials[:1])
	f, err := Open(path, h)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := os.Open(path) // cannot be written to
	if err != nil {
		t.Fatal(err)
	}
	whole := f.file
	f.file = broken
	if err := f.Append(trials[1]); err == nil || !strings.Contains(err.Error(), "add trial 2 to the results") {
		t.Errorf("error %v", err)
	}
	if f.Done(2) || len(f.Set.Trials) != 1 {
		t.Error("a trial that was not written is done")
	}
	broken.Close()
	whole.Close()
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, all) {
		t.Errorf("the file was changed: %v", err)
	}
}

// FuzzRead: whatever a file holds, what is read of it can be written and read again.
func FuzzRead(f *testing.F) {
	h, trials := begun(f)
	path, all := write(f, h, trials[:3])
	f.Add(all)
	f.Add(all[:len(all)-9])
	f.Add(bytes.Replace(all, []byte(`"N":2`), []byte(`"N":3`), 1))
	if err := Compress(path, path+".zst"); err != nil {
		f.Fatal(err)
	}
	packed, err := os.ReadFile(path + ".zst")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add(packed[:len(packed)/2])
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Read(bytes.NewReader(text))
		if err != nil {
			if len(s.Trials) > 0 {
				t.Errorf("an error beside %d trials: %v", len(s.Trials), err)
			}
			return
		}
		var again bytes.Buffer
		if s.Header.Walm != 0 {
			again.Write(encoded(t, s.Header))
		}
		for _, trial := range s.Trials {
			again.Write(encoded(t, trial))
		}
		got := read(t, again.Bytes())
		if s.Header.Walm != 0 && len(got.Damaged) > 0 || len(got.Trials) != len(s.Trials) {
			t.Errorf("%d trials became %d: %q", len(s.Trials), len(got.Trials), got.Damaged)
		}
		for _, m := range Metrics() {
			s.Sample(m.Name)
		}
		s.Cells()
	})
}

func encoded(t *testing.T, v any) []byte {
	b, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
