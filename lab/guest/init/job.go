package main

import (
	"errors"
	"fmt"

	"walm/lab/guest/load"
)

// job is a workload under way: what it does with memory and CPUs, and the parts that need a device.
type job struct {
	memory  *load.Runner
	devices []device // by part; nil for those of memory
	told    bool     // that a device died
}

// device is a part of a workload that needs more than memory and CPUs.
type device interface {
	Ops() uint64  // work done since its start
	Err() error   // why it cannot go on; nil while it does
	Close() error // ends it and everything it started
}

func startJob(w load.Workload) (*job, error) {
	memory, err := load.Start(w)
	if err != nil {
		return nil, err
	}
	j := &job{memory: memory, devices: make([]device, len(w))}
	for i, p := range w {
		if j.devices[i], err = startDevice(p); err != nil {
			return nil, errors.Join(fmt.Errorf("start %v: %w", p, err), j.close())
		}
	}
	return j, nil
}

// startDevice starts a part that needs a device; nil for the others.
func startDevice(p load.Part) (device, error) {
	switch p.Kind {
	case load.NetOut, load.NetIn:
		return startNet(p)
	case load.Disk:
		return startDisk(p)
	case load.Program:
		return startProgram(p)
	}
	return nil, nil
}

// ops is the first part's work.
func (j *job) ops() uint64 {
	if d := j.devices[0]; d != nil {
		return d.Ops()
	}
	return j.memory.Ops(0)
}

// died is why a part cannot go on, the first time that it is asked after one has ended.
func (j *job) died() error {
	for i, d := range j.devices {
		if d == nil || j.told {
			continue
		}
		if err := d.Err(); err != nil {
			j.told = true
			return fmt.Errorf("%v: %w", j.memory.Workload()[i], err)
		}
	}
	return nil
}

func (j *job) close() error {
	var all []error
	for _, d := range j.devices {
		if d != nil {
			all = append(all, d.Close())
		}
	}
	return errors.Join(append(all, j.memory.Close())...)
}
