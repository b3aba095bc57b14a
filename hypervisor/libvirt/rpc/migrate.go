package rpc

import "context"

// Procedures of migrations and their jobs (enum remote_procedure).
const (
	procAbort         = 164
	procSetDowntime   = 166
	procSetSpeed      = 207
	procJobStats      = 298
	procBegin3        = 302
	procPrepare3      = 303
	procPerform3      = 305
	procFinish3       = 306
	procConfirm3      = 307
	procStartPostcopy = 364
	procGetDowntime   = 387
	procAbortFlags    = 442
)

// MigrateFlags are virDomainMigrateFlags.
type MigrateFlags uint32

// What walm asks for.
const (
	Live           MigrateFlags = 1 << 0
	PeerToPeer     MigrateFlags = 1 << 1
	PersistDest    MigrateFlags = 1 << 3
	UndefineSource MigrateFlags = 1 << 4
	PausedDest     MigrateFlags = 1 << 5
	NonSharedDisk  MigrateFlags = 1 << 6
	NonSharedInc   MigrateFlags = 1 << 7
	ChangeProtect  MigrateFlags = 1 << 8
	Unsafe         MigrateFlags = 1 << 9
	Compressed     MigrateFlags = 1 << 11
	AbortOnIOError MigrateFlags = 1 << 12
	AutoConverge   MigrateFlags = 1 << 13
	Postcopy       MigrateFlags = 1 << 15
	TLS            MigrateFlags = 1 << 16
	Parallel       MigrateFlags = 1 << 17
	SyncDiskWrites MigrateFlags = 1 << 18
	PostcopyResume MigrateFlags = 1 << 19
	ZeroCopy       MigrateFlags = 1 << 20
)

// Names of a migration's typed parameters.
const (
	ParamURI               = "migrate_uri"             // string: where the destination listens, tcp://HOST:PORT
	ParamListenAddress     = "listen_address"          // string
	ParamDestName          = "destination_name"        // string
	ParamDestXML           = "destination_xml"         // string
	ParamPersistXML        = "persistent_xml"          // string
	ParamBandwidth         = "bandwidth"               // uint64, MiB/s
	ParamPostcopyBandwidth = "bandwidth.postcopy"      // uint64, MiB/s
	ParamThrottleInitial   = "auto_converge.initial"   // int32, %
	ParamThrottleIncrement = "auto_converge.increment" // int32, %
	ParamConnections       = "parallel.connections"    // int32
	ParamCompression       = "compression"             // string
	ParamDisks             = "migrate_disks"           // string, one a disk
	ParamDisksPort         = "disks_port"              // int32
	ParamTLSDestination    = "tls.destination"         // string
)

// Migrate moves a domain as args say, by the daemon's own connection to the destination (peer to peer), and returns
// when it is over: minutes later. The migration goes on where ctx ends or the connection is lost; AbortJob ends it.
func (c *Conn) Migrate(ctx context.Context, d Domain, destination string, params Params, flags MigrateFlags) error {
	args := new(encoder).domain(d).present(destination).params(params).opaque(nil).u32(uint32(flags | PeerToPeer))
	return c.do(ctx, procPerform3, args)
}

// A direct migration is the same in five steps that the client takes between two daemons that need not reach each other:
// Begin at the source, Prepare at the destination, Perform at the source, Finish at the destination, Confirm at the
// source. Cookies go from each to the next. A source whose client is lost gives up, unless Finish was already called.

// Begin gives the domain's description for the destination.
func (c *Conn) Begin(ctx context.Context, d Domain, params Params, flags MigrateFlags) (cookie []byte, xml string, err error) {
	type both struct {
		cookie []byte
		xml    string
	}
	b, err := ask(ctx, c, procBegin3, new(encoder).domain(d).params(params).u32(uint32(flags)), func(d *decoder) both {
		return both{d.opaque(), d.string()}
	})
	return b.cookie, b.xml, err
}

// Prepare makes the destination wait for the domain, and tells where it listens.
func (c *Conn) Prepare(ctx context.Context, params Params, cookie []byte, flags MigrateFlags) (out []byte, uri string, err error) {
	type both struct {
		cookie []byte
		uri    string
	}
	b, err := ask(ctx, c, procPrepare3, new(encoder).params(params).opaque(cookie).u32(uint32(flags)), func(d *decoder) both {
		return both{d.opaque(), d.optional()}
	})
	return b.cookie, b.uri, err
}

// Perform sends the domain; it returns when all is sent.
func (c *Conn) Perform(ctx context.Context, d Domain, params Params, cookie []byte, flags MigrateFlags) ([]byte, error) {
	args := new(encoder).domain(d).absent().params(params).opaque(cookie).u32(uint32(flags))
	return ask(ctx, c, procPerform3, args, (*decoder).opaque)
}

// Finish lets the domain run at the destination, or gives it up there.
func (c *Conn) Finish(ctx context.Context, params Params, cookie []byte, flags MigrateFlags, cancelled bool) ([]byte, error) {
	args := new(encoder).params(params).opaque(cookie).u32(uint32(flags)).bool(cancelled)
	return ask(ctx, c, procFinish3, args, func(d *decoder) []byte {
		d.domain()
		return d.opaque()
	})
}

// Confirm ends the source's part: the domain is gone from there, or runs there again.
func (c *Conn) Confirm(ctx context.Context, d Domain, params Params, cookie []byte, flags MigrateFlags, cancelled bool) error {
	return c.do(ctx, procConfirm3, new(encoder).domain(d).params(params).opaque(cookie).u32(uint32(flags)).bool(cancelled))
}

// JobType is what becomes of a domain's job (virDomainJobType).
type JobType int32

// Types of jobs.
const (
	JobNone      JobType = 0
	JobBounded   JobType = 1
	JobUnbounded JobType = 2
	JobCompleted JobType = 3
	JobFailed    JobType = 4
	JobCancelled JobType = 5
)

// Active says whether a job is under way.
func (j JobType) Active() bool { return j == JobBounded || j == JobUnbounded }

// Job is a domain's job, with its statistics under libvirt's names ("memory_remaining", in bytes; times in ms).
type Job struct {
	Type   JobType
	Params Params
}

// JobStats asks for the job that is under way, or for the last one that ended, which it does not forget by that.
func (c *Conn) JobStats(ctx context.Context, d Domain, completed bool) (Job, error) {
	var flags uint32
	if completed {
		flags = 1<<0 | 1<<1 // VIR_DOMAIN_JOB_STATS_COMPLETED, _KEEP_COMPLETED
	}
	return ask(ctx, c, procJobStats, new(encoder).domain(d).u32(flags), readJob)
}

func readJob(d *decoder) Job { return Job{JobType(d.i32()), d.params()} }

// AbortJob ends a domain's job; the domain goes on. libvirt refuses it in post-copy.
func (c *Conn) AbortJob(ctx context.Context, d Domain) error {
	return c.do(ctx, procAbort, new(encoder).domain(d))
}

// PauseJob interrupts a migration in post-copy, so that it can be taken up again with PostcopyResume (libvirt 8.5).
func (c *Conn) PauseJob(ctx context.Context, d Domain) error {
	return c.do(ctx, procAbortFlags, new(encoder).domain(d).u32(1)) // VIR_DOMAIN_ABORT_JOB_POSTCOPY
}

// StartPostcopy switches a migration that was begun with Postcopy.
func (c *Conn) StartPostcopy(ctx context.Context, d Domain) error {
	return c.do(ctx, procStartPostcopy, new(encoder).domain(d).u32(0))
}

// SetDowntime sets the downtime limit, also while a migration runs.
func (c *Conn) SetDowntime(ctx context.Context, d Domain, ms uint64) error {
	return c.do(ctx, procSetDowntime, new(encoder).domain(d).u64(ms).u32(0))
}

// Downtime is the downtime limit in ms.
func (c *Conn) Downtime(ctx context.Context, d Domain) (uint64, error) {
	return ask(ctx, c, procGetDowntime, new(encoder).domain(d).u32(0), number)
}

// SetSpeed caps a migration, also while it runs; 0 lifts the cap of post-copy.
func (c *Conn) SetSpeed(ctx context.Context, d Domain, mibPerSecond uint64, postcopy bool) error {
	var flags uint32
	if postcopy {
		flags = 1 // VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY
	}
	return c.do(ctx, procSetSpeed, new(encoder).domain(d).u64(mibPerSecond).u32(flags))
}
