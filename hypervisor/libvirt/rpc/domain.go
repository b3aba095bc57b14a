package rpc

import (
	"context"
	"fmt"
)

// Domain names a domain. ID is -1 while it is not running.
type Domain struct {
	Name string
	UUID UUID
	ID   int32
}

// UUID is a domain's identity, the same on every host.
type UUID [16]byte

func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Version is libvirt's or QEMU's, as libvirt counts: 1000000 × major + 1000 × minor + release.
type Version uint64

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v/1e6, v/1e3%1e3, v%1e3) }

// Procedures about one domain (enum remote_procedure).
const (
	procXML            = 14
	procInfo           = 16
	procLookupID       = 22
	procLookupName     = 23
	procLookupUUID     = 24
	procResume         = 28
	procSuspend        = 34
	procIsPersistent   = 151
	procHasManagedSave = 183
	procSnapshotNum    = 187
	procState          = 212
	procStartDirtyRate = 427

	procQEMUCommand = 1 // of the QEMU program
)

func domain(d *decoder) Domain { return d.domain() }

// ByName finds a domain; errors.Is(err, NoDomain) where there is none.
func (c *Conn) ByName(ctx context.Context, name string) (Domain, error) {
	return ask(ctx, c, procLookupName, new(encoder).string(name), domain)
}

// ByUUID finds a domain; errors.Is(err, NoDomain) where there is none.
func (c *Conn) ByUUID(ctx context.Context, id UUID) (Domain, error) {
	return ask(ctx, c, procLookupUUID, new(encoder).fixed(id[:]), domain)
}

// ByID finds a running domain; errors.Is(err, NoDomain) where there is none.
func (c *Conn) ByID(ctx context.Context, id int32) (Domain, error) {
	return ask(ctx, c, procLookupID, new(encoder).i32(id), domain)
}

// XMLFlags say how much a domain's XML tells (virDomainXMLFlags).
type XMLFlags uint32

// What walm asks for.
const (
	XMLInactive   XMLFlags = 1 << 1 // as it will be after the next start
	XMLMigratable XMLFlags = 1 << 3 // as the destination will get it
)

// XML is a domain's description, without secrets.
func (c *Conn) XML(ctx context.Context, d Domain, flags XMLFlags) (string, error) {
	return ask(ctx, c, procXML, new(encoder).domain(d).u32(uint32(flags)), text)
}

// State is a domain's state (virDomainState) and the reason for it (virDomain*Reason).
type State struct{ State, Reason int32 }

// States of a domain.
const (
	NoState     = 0
	Running     = 1
	Blocked     = 2
	Paused      = 3
	Shutdown    = 4 // on its way
	Shutoff     = 5
	Crashed     = 6
	PMSuspended = 7
)

// Reasons to be running, paused or shut off that a migration gives.
const (
	RunningMigrated       = 2
	RunningPostcopy       = 10
	RunningPostcopyFailed = 11

	PausedMigration      = 2
	PausedPostcopy       = 12
	PausedPostcopyFailed = 13

	ShutoffMigrated = 4
)

// State asks for a domain's state.
func (c *Conn) State(ctx context.Context, d Domain) (State, error) {
	return ask(ctx, c, procState, new(encoder).domain(d).u32(0), func(d *decoder) State { return State{d.i32(), d.i32()} })
}

// Info is a domain's size.
type Info struct {
	State   uint32
	MaxKiB  uint64 // memory that it can have
	KiB     uint64 // memory that it has
	VCPUs   uint32
	CPUTime uint64 // ns
}

// Info asks for a domain's size.
func (c *Conn) Info(ctx context.Context, d Domain) (Info, error) {
	return ask(ctx, c, procInfo, new(encoder).domain(d), func(d *decoder) Info {
		return Info{d.u32(), d.u64(), d.u64(), d.u32(), d.u64()}
	})
}

// Suspend stops a domain's vCPUs.
func (c *Conn) Suspend(ctx context.Context, d Domain) error {
	return c.do(ctx, procSuspend, new(encoder).domain(d))
}

// Resume lets a suspended domain run again.
func (c *Conn) Resume(ctx context.Context, d Domain) error {
	return c.do(ctx, procResume, new(encoder).domain(d))
}

func (c *Conn) truth(ctx context.Context, procedure uint32, args *encoder) (bool, error) {
	v, err := ask(ctx, c, procedure, args, (*decoder).i32)
	return v > 0, err
}

// Persistent says whether the domain is defined beyond its present run.
func (c *Conn) Persistent(ctx context.Context, d Domain) (bool, error) {
	return c.truth(ctx, procIsPersistent, new(encoder).domain(d))
}

// HasManagedSave says whether the domain would start from a saved state.
func (c *Conn) HasManagedSave(ctx context.Context, d Domain) (bool, error) {
	return c.truth(ctx, procHasManagedSave, new(encoder).domain(d).u32(0))
}

// HasSnapshots says whether the domain has any.
func (c *Conn) HasSnapshots(ctx context.Context, d Domain) (bool, error) {
	return c.truth(ctx, procSnapshotNum, new(encoder).domain(d).u32(0))
}

// StartDirtyRate begins to measure how fast the domain dirties memory, over 1 to 60 whole seconds, by sampling pages;
// Stats tells the result (libvirt 7.2).
func (c *Conn) StartDirtyRate(ctx context.Context, d Domain, seconds int) error {
	return c.do(ctx, procStartDirtyRate, new(encoder).domain(d).i32(int32(seconds)).u32(0))
}

// QEMU sends one QMP command, as JSON, to the domain's monitor and gives the whole reply. libvirt marks the domain as
// tainted for it ("custom-monitor"), until it is started anew.
func (c *Conn) QEMU(ctx context.Context, d Domain, command string) (string, error) {
	return askOf(ctx, c, progQEMU, procQEMUCommand, new(encoder).domain(d).string(command).u32(0), text)
}
