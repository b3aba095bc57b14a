package learn

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"walm/measure"
	"walm/predict"
	"walm/vm"
)

var here = Pair{Source: "a", Destination: "b", Accelerator: "kvm"}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// moved is a migration that cost what a forecast with the given constants says.
func moved(n int, m vm.Method, truth predict.Host) Outcome {
	trace := vm.Trace{RAM: vm.GiB, Zero: vm.GiB / 2, Class: vm.MemoryIntensive, Curve: vm.Curve{
		{Window: 100 * time.Millisecond, Dirty: 2 * vm.MiB, Err: vm.MiB / 16}, {Window: time.Second, Dirty: 16 * vm.MiB, Err: vm.MiB / 4},
		{Window: 6 * time.Second, Dirty: vm.Bytes(60+n) * vm.MiB, Err: vm.MiB}}}
	link := vm.Link{Bandwidth: vm.Gbit, Source: "measured"}
	o := Outcome{ID: fmt.Sprintf("%s-%d", m, n), At: noon.Add(time.Duration(n) * time.Second), VM: "vm", Pair: here, Method: m,
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
	got, err = s.Last(t.Context(), here)
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

// TestForeign: a database of another program's is as little walm's as one that is none.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", File(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE outcomes (of TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Read(t.Context(), dir); !errors.Is(err, ErrBroken) {
		t.Errorf("read: %v", err)
	}
	if s := store(t, dir); s.Aside == "" || !errors.Is(s.Damage, ErrBroken) {
		t.Errorf("%+v", s)
	}
}

// TestBusy: a store that another process holds for long is busy, and not broken.
func TestBusy(t *testing.T) {
	err := broken(fmt.Errorf("%w", context.DeadlineExceeded))
	if errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	dir := t.TempDir()
	s := store(t, dir)
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	other := store(t, dir) // to open one that is whole needs no lock
	if _, err := other.db.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other.db.SetMaxOpenConns(1)
	if err := other.Add(t.Context(), moved(1, vm.PreCopy, predict.DefaultHost())); err == nil || errors.Is(broken(err), ErrBroken) {
		t.Errorf("%v", err)
	}
}

// TestRead: a reader makes no store and changes none, and sees what a writer that is still there has written.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(t.Context(), dir); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a reader left %v (%v)", left, err)
	}
	s := store(t, dir)
	for _, still := range []bool{true, false} {
		if err := s.Add(t.Context(), moved(1, vm.PreCopy, predict.DefaultHost())); err != nil {
			t.Fatal(err)
		}
		if !still {
			s.Close()
		}
		r, err := Read(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := r.All(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d outcomes (%v)", len(all), err)
		}
		if err := r.Add(t.Context(), moved(2, vm.PreCopy, predict.DefaultHost())); err == nil {
			t.Error("a reader can write")
		}
		r.Close()
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

// TestFit: constants that differ from the defaults are found, the more nearly the more outcomes there are, and lie within
// the interval that is shown.
func TestFit(t *testing.T) {
	base := predict.DefaultHost()
	truth := base
	truth.Switchover, truth.Handover, truth.Finish = 90*time.Millisecond, 160*time.Millisecond, 60*time.Millisecond
	truth.Setup, truth.FaultService, truth.DiskRate = 20*time.Millisecond, 4*time.Millisecond, 150e6
	before := math.Inf(1)
	for _, n := range []int{2, 10, 40} {
		var all []Outcome
		for i := range n {
			for _, m := range vm.Methods() {
				o := moved(i, m, truth)
				o.Setup = truth.Setup
				all = append(all, o)
			}
		}
		got, fits := Fit(all, base)
		off := 0.0
		for i, c := range constants() {
			want, is := c.shown(c.get(truth)), c.shown(c.get(got))
			off += math.Abs(is-want) / want
			f := fits[i]
			if math.Abs(f.Value-is) > 1e-6*is {
				t.Errorf("%s is %g, shown is %g", c.name, is, f.Value)
			}
			switch {
			case n < Fewest && f.Estimate.N < Fewest && is != c.shown(c.get(base)): // told by several methods
				t.Errorf("%s is %g by %d moves", c.name, is, f.Estimate.N)
			case n == 40 && (f.Estimate.Lo > want*1.05 || f.Estimate.Hi < want*0.95):
				t.Errorf("%s is said to be %g to %g; want %g", c.name, f.Estimate.Lo, f.Estimate.Hi, want)
			case n == 40 && math.Abs(is-want) > 0.15*want:
				t.Errorf("%s is %g; want %g", c.name, is, want)
			}
		}
		if off >= before {
			t.Errorf("with %d of each method the constants are off by %g, with fewer by %g", n, off, before)
		}
		before = off
	}
}

// TestFitOfNothing: what tells nothing changes nothing: no outcome, one that did not move, one that was simulated or
// steered, and errors that are as often up as down.
func TestFitOfNothing(t *testing.T) {
	base := predict.DefaultHost()
	all := func(change func(n int, o *Outcome)) []Outcome {
		var all []Outcome
		for n := range 12 {
			for _, m := range vm.Methods() {
				o := moved(n, m, base)
				change(n, &o)
				all = append(all, o)
			}
		}
		return all
	}
	slow := func(o *Outcome) { o.DT, o.TMT, o.Loss = o.DT+time.Second, o.TMT+time.Second, o.Loss+time.Second }
	for name, outcomes := range map[string][]Outcome{
		"none":      nil,
		"stayed":    all(func(_ int, o *Outcome) { slow(o); o.Result = measure.Stayed }),
		"simulated": all(func(_ int, o *Outcome) { slow(o); o.Simulated = true }),
		"steered":   all(func(_ int, o *Outcome) { slow(o); o.Steered = true }),
		"a downtime with compression, which the rest shrank by as much as it did": all(func(_ int, o *Outcome) {
			if !o.Method.Postcopies() && o.Method != vm.Offline {
				o.Params.Multifd, o.Params.Compression, o.DT = 2, vm.Zstd, o.DT+time.Second
			}
		}),
		"chance": all(func(n int, o *Outcome) {
			d := time.Duration(n%2*2-1) * 3 * time.Millisecond
			o.DT, o.TMT, o.Loss = o.DT+d, o.TMT+d, o.Loss+d
		}),
	} {
		got, _ := Fit(outcomes, base)
		if name == "chance" || strings.HasPrefix(name, "a downtime") { // how far off forecasts are is told by any
			got.Widths = predict.Widths{}
		}
		if got != base {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestFitStaysPossible: whatever was measured, the constants are such that everything can be forecast with them.
func TestFitStaysPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Outcome
		for n := range rapid.IntRange(0, 12).Draw(t, "n") {
			o := moved(n, rapid.SampledFrom(vm.Methods()).Draw(t, "method"), predict.DefaultHost())
			o.TMT = time.Duration(rapid.Int64().Draw(t, "tmt"))
			o.DT = time.Duration(rapid.Int64().Draw(t, "dt"))
			o.Loss = time.Duration(rapid.Int64().Draw(t, "loss"))
			o.Setup = time.Duration(rapid.Int64().Draw(t, "setup"))
			all = append(all, o)
		}
		got, _ := Fit(all, predict.DefaultHost())
		for _, c := range constants() {
			if x := c.get(got); !(x >= 0 && x < 1e11) {
				t.Errorf("%s is %g", c.name, x)
			}
		}
		if !(got.DiskRate > 0) {
			t.Errorf("DiskRate is %v", got.DiskRate)
		}
		for _, m := range vm.Methods() {
			if f := moved(1, m, got).Forecast; f.TMT.Mid <= 0 || f.DT.Mid < 0 {
				t.Errorf("%s takes %v", m, f.TMT)
			}
		}
	})
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
	never, lost, steered, late, within, cancelled := all[0], all[0], all[0], all[0], all[0], all[0]
	never.Forecast.TMT.Mid = predict.Never
	lost.Result = measure.Lost
	steered.Steered = true
	late.Result, late.Limit = measure.Cancelled, late.Forecast.TMT.Mid+1
	within.Result, within.Limit = measure.Cancelled, within.Forecast.TMT.Mid
	cancelled.Result = measure.Cancelled
	got := By(append(all, never, lost, steered, late, within, cancelled), Method)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	a := got[0]
	if a.N != 13 || a.Wrong != 2 || a.Steered != 1 {
		t.Errorf("of %d, %d ended otherwise; %d were steered", a.N, a.Wrong, a.Steered)
	}
	if e := a.TMT; e.N != 10 || math.Abs(e.Share.Mid-0.1) > 1e-6 || math.Abs(e.Bias+0.1) > 1e-6 || e.Held80.Held != 4 || e.Held80.N != 10 ||
		e.Held80.Fits(0.8) != "too narrow" || e.Held95.N != 10 {
		t.Errorf("%+v", e)
	}
	if e := a.DT; e.Share.Mid != 0 || e.Held80.Held != 10 {
		t.Errorf("%+v", e)
	}
	if _, err := json.Marshal(By(append(all[:1], lost), Method)); err != nil {
		t.Error(err)
	}
}

func TestFits(t *testing.T) {
	for held, want := range map[int]string{70: "too narrow", 80: "", 85: "", 95: "too wide"} {
		if got := wilson(held, 100).Fits(0.8); got != want {
			t.Errorf("%d of 100: %q; want %q", held, got, want)
		}
	}
	if got := wilson(1, 9).Fits(0.8); got != "few" {
		t.Errorf("1 of 9: %q", got)
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
