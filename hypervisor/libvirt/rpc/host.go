package rpc

import "context"

// Procedures about the host (enum remote_procedure).
const (
	procOpen               = 1
	procClose              = 2
	procVersion            = 4
	procCapabilities       = 7
	procHostname           = 59
	procSupportsFeature    = 60
	procAuthList           = 66
	procFreeMemory         = 102
	procURI                = 110
	procLibVersion         = 157
	procListDomains        = 273
	procDomainCapabilities = 342
	procAllDomainStats     = 344
)

// open says hello: which driver is meant, such as "qemu:///system". The daemon must want no authentication, which is
// what UNIX sockets, TLS and ssh give; SASL is not spoken.
func (c *Conn) open(ctx context.Context, driver string) error {
	kinds, err := ask(ctx, c, procAuthList, &encoder{}, readAuth)
	if err != nil {
		return err
	}
	if err := authentication(kinds); err != nil {
		return err
	}
	if err := c.keepAlive(ctx); err != nil {
		return err
	}
	return c.do(ctx, procOpen, new(encoder).present(driver).u32(0))
}

func readAuth(d *decoder) []uint32 {
	kinds := make([]uint32, d.list(4))
	for i := range kinds {
		kinds[i] = d.u32()
	}
	return kinds
}

func text(d *decoder) string   { return d.string() }
func number(d *decoder) uint64 { return d.u64() }

// Hostname is the host's own name.
func (c *Conn) Hostname(ctx context.Context) (string, error) {
	return ask(ctx, c, procHostname, &encoder{}, text)
}

// URI is what the daemon calls this connection.
func (c *Conn) URI(ctx context.Context) (string, error) {
	return ask(ctx, c, procURI, &encoder{}, text)
}

// LibVersion is libvirt's own version.
func (c *Conn) LibVersion(ctx context.Context) (Version, error) {
	v, err := ask(ctx, c, procLibVersion, &encoder{}, number)
	return Version(v), err
}

// QEMUVersion is the version of the QEMU that the host starts by default.
func (c *Conn) QEMUVersion(ctx context.Context) (Version, error) {
	v, err := ask(ctx, c, procVersion, &encoder{}, number)
	return Version(v), err
}

// Capabilities is an XML document about the host.
func (c *Conn) Capabilities(ctx context.Context) (string, error) {
	return ask(ctx, c, procCapabilities, &encoder{}, text)
}

// DomainCapabilities is an XML document about what a domain of this kind can have. Empty arguments are the defaults.
func (c *Conn) DomainCapabilities(ctx context.Context, emulator, arch, machine, virtType string) (string, error) {
	args := new(encoder).optional(emulator).optional(arch).optional(machine).optional(virtType).u32(0)
	return ask(ctx, c, procDomainCapabilities, args, text)
}

// FreeMemory is the host's, in bytes.
func (c *Conn) FreeMemory(ctx context.Context) (uint64, error) {
	return ask(ctx, c, procFreeMemory, &encoder{}, number)
}

// ListFlags select domains (virConnectListAllDomainsFlags). None selects all.
type ListFlags uint32

// What walm asks for.
const (
	ListActive   ListFlags = 1 << 0
	ListInactive ListFlags = 1 << 1
)

// Domains lists what the host knows.
func (c *Conn) Domains(ctx context.Context, which ListFlags) ([]Domain, error) {
	return ask(ctx, c, procListDomains, new(encoder).u32(1).u32(uint32(which)), readDomains)
}

func readDomains(d *decoder) []Domain {
	all := make([]Domain, d.list(24))
	for i := range all {
		all[i] = d.domain()
	}
	return all
}

// StatsGroups select what Stats tells (virDomainStatsTypes).
type StatsGroups uint32

// Groups of statistics. DirtyRate exists from libvirt 7.2 on.
const (
	StatsState     StatsGroups = 1 << 0
	StatsCPU       StatsGroups = 1 << 1
	StatsBalloon   StatsGroups = 1 << 2
	StatsVCPU      StatsGroups = 1 << 3
	StatsInterface StatsGroups = 1 << 4
	StatsBlock     StatsGroups = 1 << 5
	StatsDirtyRate StatsGroups = 1 << 9
)

// statsNowait answers at once where a domain's monitor is busy, with what is known
// (VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT).
const statsNowait = 1 << 29

// DomainStats are one domain's.
type DomainStats struct {
	Domain Domain
	Params Params
}

// Stats asks for statistics of the given domains, of all if none is given, in one call.
func (c *Conn) Stats(ctx context.Context, groups StatsGroups, of ...Domain) ([]DomainStats, error) {
	args := new(encoder).u32(uint32(len(of)))
	for _, d := range of {
		args.domain(d)
	}
	args.u32(uint32(groups)).u32(statsNowait)
	return ask(ctx, c, procAllDomainStats, args, readStats)
}

func readStats(d *decoder) []DomainStats {
	all := make([]DomainStats, d.list(28))
	for i := range all {
		all[i] = DomainStats{d.domain(), d.params()}
	}
	return all
}
