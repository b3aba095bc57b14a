package trial

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/move"
	"walm/predict"
)

// script is a bench whose trials end as they are told to: a letter a trial, by its number. d is done, c censored,
// b broken, i interrupted.
type script struct {
	letters string
	tried   []int
	closed  bool
	stop    context.CancelFunc
}

func (s *script) Try(ctx context.Context, t experiment.Trial) (results.Trial, move.Record, error) {
	s.tried = append(s.tried, t.N)
	out := results.Trial{N: t.N, Why: "no disk"}
	switch s.letters[t.N-1] {
	case 'd':
		out.Status = results.Done
	case 'c':
		out.Status = results.Censored
	case 'b':
		out.Status = results.Broken
	case 'i':
		s.stop()
		return out, move.Record{}, ctx.Err()
	}
	return out, move.Record{}, nil
}

func (s *script) Close() error {
	s.closed = true
	return nil
}

func planOf(n int) []experiment.Trial {
	plan := make([]experiment.Trial, n)
	for i := range plan {
		plan[i].N = i + 1
	}
	return plan
}

func TestRunKeepsWhatEnded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		letters string
		kept    []int // by this run
		err     string
		rest    []int // tried by the next one
	}{
		{"all", "dcd", []int{1, 2, 3}, "", nil},
		{"interrupted", "did", []int{1}, "canceled", []int{2, 3}},
		{"a broken one between others", "dbd", []int{1, 2, 3}, "", nil},
		{"two, then one that is not", "bbd", []int{1, 2, 3}, "", nil},
		{"broken at the end", "dbb", []int{1, 2, 3}, "", nil},
		{"three in a row are the machine's fault", "dbbbd", []int{1}, "no disk", []int{2, 3, 4, 5}},
		{"interrupted behind broken ones", "bbid", nil, "canceled", []int{1, 2, 3, 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r.jsonl")
			into, err := results.Open(path, results.Header{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			b := &script{letters: tt.letters, stop: stop}
			err = run(ctx, planOf(len(tt.letters)), into, b, Watch{})
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v; want %q", err, tt.err)
			}
			if !b.closed {
				t.Error("the bench was left as it was")
			}
			into.Close()
			if got := numbers(t, path); !slices.Equal(got, tt.kept) {
				t.Errorf("results of %v; want %v", got, tt.kept)
			}
			if into, err = results.Open(path, results.Header{}); err != nil {
				t.Fatal(err)
			}
			defer into.Close()
			again := &script{letters: strings.Repeat("d", len(tt.letters))}
			if err := run(t.Context(), planOf(len(tt.letters)), into, again, Watch{}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(again.tried, tt.rest) {
				t.Errorf("the next run tried %v; want %v", again.tried, tt.rest)
			}
			if got := numbers(t, path); len(got) != len(tt.letters) {
				t.Errorf("in the end there are results of %v", got)
			}
		})
	}
}

func numbers(t *testing.T, path string) []int {
	set, err := results.ReadFile(path)
	if err != nil || len(set.Damaged) > 0 {
		t.Fatal(err, set.Damaged)
	}
	var ns []int
	for _, r := range set.Trials {
		ns = append(ns, r.N)
	}
	return ns
}

func TestRunEndsWithItsWatcher(t *testing.T) {
	into, err := results.Open(filepath.Join(t.TempDir(), "r.jsonl"), results.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer into.Close()
	full := errors.New("the disk is full")
	b := &script{letters: "dd"}
	err = run(t.Context(), planOf(2), into, b, Watch{End: func(results.Trial, move.Record) error { return full }})
	if !errors.Is(err, full) || len(b.tried) != 1 || !b.closed {
		t.Errorf("%v after trials %v", err, b.tried)
	}
}

func TestLeft(t *testing.T) {
	cell := func(l string) experiment.Cell { return experiment.Cell{{Factor: "x", Level: l}} }
	done := []results.Trial{{Cell: cell("a"), Took: 10 * time.Second}, {Cell: cell("a"), Took: 20 * time.Second},
		{Cell: cell("b"), Took: 90 * time.Second}}
	for _, tt := range []struct {
		todo []experiment.Trial
		done []results.Trial
		want time.Duration
	}{
		{nil, nil, 0},
		{[]experiment.Trial{{Cell: cell("a")}}, nil, predict.Never},
		{[]experiment.Trial{{Cell: cell("a")}}, done, 15 * time.Second},
		{[]experiment.Trial{{Cell: cell("a")}, {Cell: cell("b")}, {Cell: cell("new")}}, done, (15 + 90 + 20) * time.Second},
	} {
		if got := Left(tt.todo, tt.done); got != tt.want {
			t.Errorf("%d to do after %d: %v; want %v", len(tt.todo), len(tt.done), got, tt.want)
		}
	}
}
