package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"walm/measure"
	"walm/move"
	"walm/studies/kept"
	"walm/vm"
)

// Trial is one move, or one half of a pair, as it is kept. Durations are in nanoseconds, -1 for never.
type Trial struct {
	Key       string // what makes it one of a kind, for going on after an interruption
	When      time.Time
	QEMU      string
	Workload  string `json:",omitempty"`
	Method    vm.Method
	Rep       int
	Result    measure.Result
	Detail    string        `json:",omitempty"`
	TMT       time.Duration // measured
	DT        time.Duration
	Loss      time.Duration `json:",omitempty"`
	Gap       time.Duration `json:",omitempty"` // service downtime
	Bytes     vm.Bytes
	Passes    int
	Converges float64
	Forecast  map[string]Interval `json:",omitempty"`
	Pages     int                 `json:",omitempty"` // checked
	Written   int                 `json:",omitempty"` // of them, during the move
	Bad       int
	Value     float64 `json:",omitempty"` // of an experiment that has a figure of its own
	Load      float64 // of the machine, one minute, before
}

// Interval is a forecast in the unit of what it forecasts: seconds or bytes. Hi and Mid are -1 for never.
type Interval struct{ Lo, Mid, Hi float64 }

func newTrial(rec move.Record) Trial {
	o := rec.Outcome
	t := Trial{When: rec.Started, QEMU: rec.Source, Method: rec.Plan.Method, Result: o.Result, Detail: o.Detail,
		TMT: o.TMT, DT: o.DT, Bytes: o.Bytes, Passes: o.Passes}
	if o.Loss != nil {
		t.Loss = o.Loss.Lost
	}
	if o.Service != nil {
		t.Gap = o.Service.Downtime
	}
	if m := o.Memory; m != nil {
		t.Pages, t.Written, t.Bad = m.Pages, m.Written, m.Bad
	}
	f := rec.Plan.Forecast
	t.Converges = f.Converges
	seconds := func(lo, mid, hi time.Duration) Interval {
		s := func(d time.Duration) float64 {
			if d == 1<<63-1 {
				return -1
			}
			return d.Seconds()
		}
		return Interval{s(lo), s(mid), s(hi)}
	}
	t.Forecast = map[string]Interval{
		"tmt":   seconds(f.TMT.Lo, f.TMT.Mid, f.TMT.Hi),
		"dt":    seconds(f.DT.Lo, f.DT.Mid, f.DT.Hi),
		"loss":  seconds(f.Loss.Lo, f.Loss.Mid, f.Loss.Hi),
		"bytes": {float64(f.Bytes.Lo), float64(f.Bytes.Mid), float64(f.Bytes.Hi)},
	}
	return t
}

// results is a file of trials that is only appended to.
type results struct {
	path string
	done map[string]Trial
}

func open(dir, name string) (*results, error) {
	r := &results{path: filepath.Join(dir, name+".jsonl"), done: map[string]Trial{}}
	trials, err := read(r.path)
	for _, t := range trials {
		r.done[t.Key] = t
	}
	return r, err
}

func read(path string) ([]Trial, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Trial
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var t Trial
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			fmt.Fprintf(os.Stderr, "%s: a line that was cut short is left out: %v\n", path, err)
			continue
		}
		all = append(all, t)
	}
	return all, lines.Err()
}

func (r *results) add(t Trial) error {
	err := kept.Add(r.path, t)
	r.done[t.Key] = t
	return err
}

func load() float64 {
	var one float64
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(b), &one)
	}
	return one
}
