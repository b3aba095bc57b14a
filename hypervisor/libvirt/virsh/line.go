package virsh

import (
	"time"

	"walm/vm"
)

// Storage is what becomes of disks that the hosts do not share.
type Storage string

// What virsh can do with disks.
const (
	Shared      Storage = ""
	CopyAll     Storage = "all"         // every disk as a whole
	Incremental Storage = "incremental" // what differs from a base image that both hosts have
)

// Action is what happens when a migration takes longer than its timeout.
type Action string

// Actions of --timeout.
const (
	Suspend   Action = "suspend"   // stop the VM until the rest is copied
	SwitchNow Action = "post-copy" // switch to post-copy
)

// Line is a virsh migrate command line as it was written. Zero values are options that were not given.
type Line struct {
	Connect     string // of virsh itself; empty: virsh's default
	Domain      string // name, id or UUID
	Destination string // as the client sees it, with P2P as the source does
	Switches

	MigrateURI     string // where the destination listens
	ListenAddress  string
	DisksPort      int
	Disks          []string // to be copied; nil: all
	DestName       string   // the domain's name at the destination
	XML            string   // file
	PersistXML     string   // file
	TLSDestination string   // name in the destination's certificate

	Bandwidth         vm.Rate
	PostcopyBandwidth vm.Rate
	Connections       int // of --parallel; 0: QEMU's
	ThrottleInitial   int // percent; 0: QEMU's
	ThrottleIncrement int
	Timeout           time.Duration // 0: none
}

// Switches are the options that are given or not.
type Switches struct {
	Live, P2P, Direct, Persistent, UndefineSource bool
	CopyAll, CopyInc                              bool
	ChangeProtection, Unsafe, AbortOnError        bool
	AutoConverge, Parallel, TLS                   bool
	Postcopy, AfterPrecopy                        bool
	TimeoutSuspend, TimeoutPostcopy               bool
	Verbose                                       bool
}

// Storage is what becomes of the disks.
func (l Line) Storage() Storage {
	switch {
	case l.CopyInc:
		return Incremental
	case l.CopyAll:
		return CopyAll
	}
	return Shared
}

// OnTimeout is what happens once Timeout has passed.
func (l Line) OnTimeout() Action {
	if l.TimeoutPostcopy {
		return SwitchNow
	}
	return Suspend
}
