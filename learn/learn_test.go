package learn

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/measure"
	"walm/predict"
	"walm/vm"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// moved is a migration that cost what a forecast with the given constants says.
func moved(n int, m vm.Method, truth predict.Host) Outcome {
	trace := vm.Trace{RAM: vm.GiB, Zero: vm.GiB / 2, Class: vm.MemoryIntensive, Curve: vm.Curve{
		{Window: 100 * time.Millisecond, Dirty: 2 * vm.MiB, Err: vm.MiB / 16}, {Window: time.Second, Dirty: 16 * vm.MiB, Err: vm.MiB / 4},
		{Window: 6 * time.Second, Dirty: vm.Bytes(60+n) * vm.MiB, Err: vm.MiB}}}
	link := vm.Link{Bandwidth: vm.Gbit, Source: "measured"}
	o := Outcome{ID: fmt.Sprintf("%s-%d", m, n), At: noon.Add(time.Duration(n) * time.Second), VM: "vm", Pair: Pair{"a", "b"}, Method: m,
		Params: vm.DefaultParams(m), Trace: trace, Link: link}
	o.Forecast = predict.Method(m, o.Params, trace, link, predict.DefaultHost())
	o.Forecast.Replays = nil // they are not kept
	f := predict.Method(m, o.Params, trace, link, truth)
	return o.With(measure.Outcome{Result: measure.Moved, TMT: f.TMT.Mid, DT: f.DT.Mid, Bytes: f.Bytes.Mid,
		Loss: &measure.Loss{Lost: f.Loss.Mid}})
}

func store(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	s := store(t, dir)
	var want []Outcome
	for n, m := range vm.Methods() {
		o := moved(n, m, predict.DefaultHost())
		if n == 0 {
			o.Pair.Destination = "c"
		}
		want = append(want, o)
		for range 2 { // the second time in place of the first
			if err := s.Add(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Close()
	s = store(t, dir)
	got, err := s.All(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	got, err = s.Of(t.Context(), Pair{"a", "b"})
	if diff := cmp.Diff(want[1:], got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	if info, err := os.Stat(File(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store's mode is %v (%v)", info.Mode(), err)
	}
}

// TestBroken: what is no database is set aside and said so, and nothing stands in the way of the next outcome.
func TestBroken(t *testing.T) {
	whole := t.TempDir()
	s := store(t, whole)
	for n := range 200 {
		if err := s.Add(t.Context(), moved(n, vm.PostCopy, predict.DefaultHost())); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	good, err := os.ReadFile(File(whole))
	if err != nil {
		t.Fatal(err)
	}
	holes := append([]byte(nil), good...)
	for i := 4096; i < len(holes)-4096; i += 512 {
		holes[i] ^= 0xff
	}
	for name, text := range map[string][]byte{"no database": []byte(strings.Repeat("outcomes\n", 1000)), "cut short": good[:len(good)/2],
		"full of holes": holes} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(File(dir), text, 0o600); err != nil {
				t.Fatal(err)
			}
			s := store(t, dir)
			if s.Aside == "" || !strings.HasPrefix(filepath.Base(s.Aside), "outcomes.db.") {
				t.Fatalf("set aside as %q", s.Aside)
			}
			if kept, err := os.ReadFile(s.Aside); err != nil || string(kept) != string(text) {
				t.Errorf("what was set aside is not what was there (%v)", err)
			}
			if err := s.Add(t.Context(), moved(1, vm.PreCopy, predict.DefaultHost())); err != nil {
				t.Error(err)
			}
			if all, err := s.All(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("%d outcomes (%v)", len(all), err)
			}
		})
	}
}

func TestNewer(t *testing.T) {
	dir := t.TempDir()
	s := store(t, dir)
	if _, err := s.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), dir, noon); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("%v", err)
	}
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	store(t, dir)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			s, err := Open(context.Background(), dir, noon)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			for n := range 10 {
				o := moved(n, vm.PreCopy, predict.DefaultHost())
				o.ID = fmt.Sprint(w, n)
				if err := s.Add(context.Background(), o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if kept, err := store(t, dir).All(t.Context()); err != nil || len(kept) != 40 {
		t.Errorf("%d outcomes (%v)", len(kept), err)
	}
}

// TestFit: constants that differ from the defaults are found, the more nearly the more outcomes there are.
func TestFit(t *testing.T) {
	truth := predict.DefaultHost()
	truth.Switchover, truth.Handover, truth.Finish, truth.DiskRate = 90*time.Millisecond, 120*time.Millisecond, 60*time.Millisecond, 150e6
	before := math.Inf(1)
	for _, n := range []int{2, 10, 60} {
		var all []Outcome
		for i := range n {
			for _, m := range vm.Methods() {
				all = append(all, moved(i, m, truth))
			}
		}
		got, constants := Fit(all, predict.DefaultHost())
		off := 0.0
		for _, c := range constants {
			want := map[string]float64{"Switchover": truth.Switchover.Seconds(), "Handover": truth.Handover.Seconds(),
				"Finish": truth.Finish.Seconds(), "DiskRate": float64(truth.DiskRate)}[c.Name]
			off += math.Abs(c.Value-want) / want
			if n == 60 && math.Abs(c.Value-want) > 0.15*want {
				t.Errorf("%s is %g; want %g", c.Name, c.Value, want)
			}
		}
		if off >= before {
			t.Errorf("with %d of each method the constants are off by %g, with fewer by %g", n, off, before)
		}
		before = off
		if got.Setup != truth.Setup {
			t.Errorf("Setup is %v", got.Setup)
		}
	}
}

func TestFitOfNothing(t *testing.T) {
	stayed := moved(1, vm.PreCopy, predict.DefaultHost())
	stayed.Result = measure.Stayed
	invented := moved(2, vm.PreCopy, predict.DefaultHost())
	invented.Simulated = true
	for _, all := range [][]Outcome{nil, {stayed}, {invented}} {
		if got, _ := Fit(all, predict.DefaultHost()); got != predict.DefaultHost() {
			t.Errorf("%+v", got)
		}
	}
}

func TestAccuracy(t *testing.T) {
	var all []Outcome
	for n := range 10 {
		o := moved(n, vm.PreCopy, predict.DefaultHost())
		o.TMT = o.Forecast.TMT.Mid * 10 / 9 // a tenth off
		if n < 4 {
			o.TMT = o.Forecast.TMT.Mid
		}
		all = append(all, o)
	}
	never := moved(10, vm.PreCopy, predict.DefaultHost())
	never.Forecast.TMT.Mid = predict.Never
	lost := moved(11, vm.PreCopy, predict.DefaultHost())
	lost.Result = measure.Lost
	got := By(append(all, never, lost), Method)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	a := got[0]
	if a.N != 11 || a.Wrong != 1 || a.TMT.N != 10 || math.Abs(a.TMT.Mid-0.1) > 1e-6 || a.Held80.Held != 4 || a.Held80.N != 10 {
		t.Errorf("%+v", a)
	}
}

func TestWilson(t *testing.T) {
	// Wilson 1927: 8 of 10 are 0.49 to 0.94.
	if c := wilson(8, 10); math.Abs(c.Lo-0.490) > 0.001 || math.Abs(c.Hi-0.943) > 0.001 || c.Share != 0.8 {
		t.Errorf("%+v", c)
	}
	if c := wilson(0, 0); c != (Coverage{}) {
		t.Errorf("%+v", c)
	}
}
