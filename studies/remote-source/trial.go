package main

import (
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
	Told     bool   `json:",omitempty"` // the remote look has, besides the dirty rate, what the host tells of the domain: vm.Usage

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
	Told     bool
}

func (t Trial) key() key { return key{t.Suite, t.N, t.Workload, t.Method, t.Told} }

// file is where results are kept.
const file = "studies/remote-source/trials.jsonl"
