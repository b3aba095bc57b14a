package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"walm/lab/debian"
	"walm/learn"
	"walm/predict"
	"walm/vm"
)

// The looks.
const (
	local  = "local"
	remote = "remote"
)

// Trial is a move that was forecast from two looks.
type Trial struct {
	Suite    debian.Suite
	N        int
	Workload string
	Method   vm.Method
	First    string // of the looks

	Load   float64 // of the machine when the first look began, processes that wanted a CPU in the last minute
	Local  learn.Outcome
	Remote learn.Outcome
	Rough  predict.Forecast // from the remote look and the link's nominal speed, which is all that a user elsewhere may know
	Took   map[string]time.Duration
	Whole  bool   // the guest's heart beats at the destination, every page is as written
	Err    string `json:",omitempty"`
}

type key struct {
	Suite    debian.Suite
	N        int
	Workload string
	Method   vm.Method
}

func (t Trial) key() key { return key{t.Suite, t.N, t.Workload, t.Method} }

// file is where results are kept.
const file = "studies/remote-source/trials.jsonl"

func load() (all []Trial, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<22)
	for s.Scan() {
		var t Trial
		if err := json.Unmarshal(s.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, t)
	}
	return all, s.Err()
}

func (t Trial) keep() error {
	line, err := json.Marshal(t)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
