package virsh

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

// option is one of virsh migrate's. Exactly one of on, take and instead is set.
type option struct {
	name    string
	on      func(*Line) *bool
	take    func(*Line, string) error
	instead string // walm does not do it: why, and what to do
	valued  bool   // with instead: it has a value
}

func text(to func(*Line) *string) func(*Line, string) error {
	return func(l *Line, s string) error {
		if s == "" {
			return fmt.Errorf("is empty")
		}
		*to(l) = s
		return nil
	}
}

func number(least, most uint64, to func(*Line) *int) func(*Line, string) error {
	return func(l *Line, s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is not a whole number from %d to %d", s, least, most)
		}
		*to(l) = int(n)
		return nil
	}
}

// most is the most that virsh takes for a bandwidth: 2⁶³ bytes per second.
const most = 1<<43 - 1

func rate(to func(*Line) *vm.Rate) func(*Line, string) error {
	return func(l *Line, s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n > most {
			return fmt.Errorf("%q is not a whole number of MiB/s", s)
		}
		*to(l) = vm.Rate(n) * vm.Rate(vm.MiB)
		return nil
	}
}

func seconds(l *Line, s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < 1 || n > 4294967 { // virsh counts milliseconds in 32 bits
		return fmt.Errorf("%q is not a whole number of seconds from 1 to 4294967", s)
	}
	l.Timeout = time.Duration(n) * time.Second
	return nil
}

func disks(l *Line, s string) error {
	for disk := range strings.SplitSeq(s, ",") {
		if disk == "" {
			return fmt.Errorf("%q is not a list of disks such as vda,vdb", s)
		}
		l.Disks = append(l.Disks, disk)
	}
	return nil
}

const (
	noCompression = "walm compresses where that pays: leave it out, or give --compression"
	noGraphics    = "walm leaves the display's URI to libvirt: leave it out"
)

// options are virsh's in virsh's order: those with a value take words that stand alone in this order, too.
func options() []option {
	on := func(name string, to func(*Switches) *bool) option {
		return option{name: name, on: func(l *Line) *bool { return to(&l.Switches) }}
	}
	take := func(name string, f func(*Line, string) error) option { return option{name: name, take: f} }
	no := func(name, instead string) option { return option{name: name, instead: instead} }
	noValue := func(name, instead string) option { return option{name: name, instead: instead, valued: true} }
	return []option{
		take("domain", text(func(l *Line) *string { return &l.Domain })),
		take("desturi", text(func(l *Line) *string { return &l.Destination })),
		on("live", func(s *Switches) *bool { return &s.Live }),
		no("offline", "it moves a definition and no running VM: use virsh dumpxml and virsh define"),
		on("p2p", func(s *Switches) *bool { return &s.P2P }),
		on("direct", func(s *Switches) *bool { return &s.Direct }),
		no("tunnelled", "the stream goes through both libvirtd, at a fraction of the speed: use --tls for secrecy"),
		no("tunneled", "the stream goes through both libvirtd, at a fraction of the speed: use --tls for secrecy"),
		on("persistent", func(s *Switches) *bool { return &s.Persistent }),
		on("undefinesource", func(s *Switches) *bool { return &s.UndefineSource }),
		no("suspend", "walm ends a move when the VM runs at the destination: leave it out, and virsh suspend it there"),
		on("copy-storage-all", func(s *Switches) *bool { return &s.CopyAll }),
		on("copy-storage-inc", func(s *Switches) *bool { return &s.CopyInc }),
		no("copy-storage-synchronous-writes", "walm copies disks as libvirt does by default: leave it out"),
		on("change-protection", func(s *Switches) *bool { return &s.ChangeProtection }),
		on("unsafe", func(s *Switches) *bool { return &s.Unsafe }),
		on("verbose", func(s *Switches) *bool { return &s.Verbose }),
		no("compressed", noCompression),
		on("auto-converge", func(s *Switches) *bool { return &s.AutoConverge }),
		no("rdma-pin-all", "walm moves VMs over TCP and TLS: leave it out"),
		on("abort-on-error", func(s *Switches) *bool { return &s.AbortOnError }),
		on("postcopy", func(s *Switches) *bool { return &s.Postcopy }),
		on("postcopy-after-precopy", func(s *Switches) *bool { return &s.AfterPrecopy }),
		no("postcopy-resume", "it takes up a migration that was interrupted: walm recover DOMAIN DESTURI does that"),
		no("zerocopy", "walm cannot forecast it: leave it out"),
		take("migrateuri", text(func(l *Line) *string { return &l.MigrateURI })),
		noValue("graphicsuri", noGraphics),
		take("listen-address", text(func(l *Line) *string { return &l.ListenAddress })),
		take("dname", text(func(l *Line) *string { return &l.DestName })),
		take("timeout", seconds),
		on("timeout-suspend", func(s *Switches) *bool { return &s.TimeoutSuspend }),
		on("timeout-postcopy", func(s *Switches) *bool { return &s.TimeoutPostcopy }),
		take("xml", text(func(l *Line) *string { return &l.XML })),
		take("migrate-disks", disks),
		take("disks-port", number(1, 65535, func(l *Line) *int { return &l.DisksPort })),
		noValue("disks-uri", "give --disks-port, and --listen-address for the address"),
		noValue("comp-methods", noCompression),
		noValue("comp-mt-level", noCompression),
		noValue("comp-mt-threads", noCompression),
		noValue("comp-mt-dthreads", noCompression),
		noValue("comp-xbzrle-cache", noCompression),
		take("auto-converge-initial", number(1, 99, func(l *Line) *int { return &l.ThrottleInitial })),
		take("auto-converge-increment", number(1, 99, func(l *Line) *int { return &l.ThrottleIncrement })),
		take("persistent-xml", text(func(l *Line) *string { return &l.PersistXML })),
		on("tls", func(s *Switches) *bool { return &s.TLS }),
		take("postcopy-bandwidth", rate(func(l *Line) *vm.Rate { return &l.PostcopyBandwidth })),
		on("parallel", func(s *Switches) *bool { return &s.Parallel }),
		take("parallel-connections", number(1, 255, func(l *Line) *int { return &l.Connections })),
		take("bandwidth", rate(func(l *Line) *vm.Rate { return &l.Bandwidth })),
		take("tls-destination", text(func(l *Line) *string { return &l.TLSDestination })),
		noValue("comp-zlib-level", noCompression), // from libvirt 9.1 on
		noValue("comp-zstd-level", noCompression),
		noValue("migrate-disks-detect-zeroes", "walm leaves the destination's images as libvirt writes them: leave it out"),
	}
}
