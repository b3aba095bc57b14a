package measure

import "time"

// Usage is a reading of the CPU time that has been used. Only differences between two readings mean something.
type Usage struct {
	At          time.Time
	Guest       time.Duration // by the threads of the guest's vCPUs, at both ends together
	Source      time.Duration // by the whole hypervisor process
	Destination time.Duration
}
