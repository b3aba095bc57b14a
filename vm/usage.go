package vm

import "time"

// Usage is what a VM's host tells of it without reading its memory. Times and traffic are counted from some beginning, the same in
// every answer.
type Usage struct {
	At             time.Time
	Resident       Bytes           // of the host's memory that the hypervisor's process holds, its own and all; 0: does not tell the guest's
	Balloon        Bytes           // RAM that a balloon has given back to the host
	CPU            []time.Duration // that each vCPU used, or waited for a core; nil: not told
	Waits          []time.Duration // what of that it waited
	Received, Sent Bytes           // by the VM's network interfaces
	Unknown        []string        // what is not told, and why
}

// Between is what the VM used of a core by vCPU, what of that it waited, and what it received and sent, from u to later.
func (u Usage) Between(later Usage) (used, waited []float64, in, out Rate) {
	took := later.At.Sub(u.At)
	share := func(from, to []time.Duration, i int) float64 {
		if took <= 0 || i >= len(from) || i >= len(to) {
			return 0
		}
		return min(1, max(0, float64(to[i]-from[i])/float64(took)))
	}
	for i := range later.CPU {
		used, waited = append(used, share(u.CPU, later.CPU, i)), append(waited, share(u.Waits, later.Waits, i))
	}
	if took > 0 { // an interface that was made anew counts from 0
		in, out = max(0, later.Received-u.Received).Per(took), max(0, later.Sent-u.Sent).Per(took)
	}
	return used, waited, in, out
}
