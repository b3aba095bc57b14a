package experiment

import (
	"time"

	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/guest/load"
	"walm/vm"
)

// Setup is everything that a trial is made of, as it is to be run: scaled, checked, with every default filled in.
type Setup struct {
	// The lab. A change of one of these, but for Link, needs a guest that boots anew.
	QEMU        debian.Suite
	Destination debian.Suite
	Accelerator string // "tcg" or "kvm"
	VCPUs       int
	Memory      vm.Bytes // of the guest, Spare included
	Spare       vm.Bytes // added after scaling for the guest's own kernel, which does not scale
	Link        vm.Rate  // of each host's uplink; 0: unshaped
	Separate    bool     // migrations have a network of their own
	Storage     Storage

	Workload guest.Workload

	// The move.
	Choice    Choice
	Among     []vm.Method // what a choice other than Fixed may pick; empty: every method
	Method    vm.Method   // of a Fixed choice
	Peer      string      `json:",omitempty"` // of a Peer's choice: its name
	PeerScale float64     `json:",omitempty"` // that its waits and budgets are divided by; 0: 1
	Params    vm.Params   // of a Fixed choice; of others only what the file sets
	Profile   string      // of walm's choice
	StopRule  StopRule
	Limit     time.Duration // after which a migration that has not ended is cancelled and counts as censored
	Forecasts bool          // look at the VM long enough to forecast every method, and keep the forecasts

	Scale float64 // that sizes, rates and links above were divided by
}

// Choice is who picks the method of a trial.
type Choice string

// The choices.
const (
	Fixed  Choice = "fixed"
	Walm   Choice = "walm"   // walm decides from what it sees
	Random Choice = "random" // each of Among with the same probability, from the experiment's seed
	Peer   Choice = "peer"   // a model of what others do
)

// StopRule is what ends pre-copy.
type StopRule string

// The rules. Xen's is imposed on QEMU from outside, at pass boundaries: fewer than 50 pages left, 29 passes, or three
// times the memory sent (xc_domain_save.c of Xen 3.4).
const (
	QEMURule StopRule = "qemu"
	XenRule  StopRule = "xen"
)

// Storage is where the guest's disk is.
type Storage string

// The kinds of storage. All but NoDisk serve the image of real programs from the lab's third host, or copy it along.
const (
	NoDisk Storage = "none"
	NFS    Storage = "nfs"
	ISCSI  Storage = "iscsi"
	NBD    Storage = "nbd"
	Copied Storage = "copied" // on the host itself: copied to the destination before memory, and kept the same until the switch
)

// Boot says whether going from s to next needs a guest that boots anew.
func (s Setup) Boot(next Setup) bool { return s.machine() != next.machine() }

// machine is what of a setup needs a boot to change.
type machine struct {
	qemu, destination debian.Suite
	accelerator       string
	vcpus             int
	memory            vm.Bytes
	separate          bool
	storage           Storage
	programs          bool // the guest's disk must hold the image of real programs
}

func (s Setup) machine() machine {
	_, programs := s.Workload.Find(load.Program)
	return machine{s.QEMU, s.Destination, s.Accelerator, s.VCPUs, s.Memory, s.Separate, s.Storage, programs}
}
