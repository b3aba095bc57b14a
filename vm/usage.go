package vm

import "time"

// Usage is what a VM's host tells of it without reading its memory. Times and traffic are counted from some beginning, the same in
// every answer.
type Usage struct {
	At       time.Time
	Resident Bytes                 // of the host's memory that the hypervisor's process holds, its own and all; 0: does not tell the guest's
	Balloon  Bytes                 // RAM that a balloon has given back to the host
	CPU      map[int]time.Duration // used, or waited for a core, by vCPU under the number that the host has for it
	Waits    map[int]time.Duration // waited
	Traffic  map[string]Traffic    // by network interface
	Unknown  []string              // what is not told, and why
}

// Traffic is what passed through a network interface, as the VM sees it.
type Traffic struct{ Received, Sent Bytes }

// Shares is what each vCPU used of a core, or would have used, between u and later, and what of that it waited.
func (u Usage) Shares(later Usage, vcpus []int) (used, waited []float64) {
	took := later.At.Sub(u.At)
	share := func(before, after map[int]time.Duration, vcpu int) float64 {
		from, ok := before[vcpu]
		to, ok2 := after[vcpu]
		if !ok || !ok2 || took <= 0 {
			return 0
		}
		return min(1, max(0, float64(to-from)/float64(took)))
	}
	for _, vcpu := range vcpus {
		used = append(used, share(u.CPU, later.CPU, vcpu))
		waited = append(waited, share(u.Waits, later.Waits, vcpu))
	}
	return used, waited
}

// Network is what went into and out of the VM between u and later.
func (u Usage) Network(later Usage, interfaces []string) (in, out Rate) {
	took := later.At.Sub(u.At)
	for _, name := range interfaces {
		a, ok := u.Traffic[name]
		b, ok2 := later.Traffic[name]
		if !ok || !ok2 || b.Received < a.Received || b.Sent < a.Sent { // not there, or made anew meanwhile
			continue
		}
		in += (b.Received - a.Received).Per(took)
		out += (b.Sent - a.Sent).Per(took)
	}
	return in, out
}
