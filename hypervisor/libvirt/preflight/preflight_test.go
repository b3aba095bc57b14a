package preflight

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"walm/vm"
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// good is a move that nothing stands against.
func good(t testing.TB) Move {
	caps := file(t, "capabilities.xml")
	return Move{
		Domain: Domain{XML: file(t, "domain-9.0.xml"), State: Running, Shared: map[string]bool{"/var/lib/libvirt/images/web.qcow2": true}},
		Source: Host{Name: "alpha", Capabilities: strings.Replace(caps, "00000000000b", "00000000000a", 1), QEMU: 10000002, Libvirt: 9000000},
		Destination: Host{Name: "beta", Capabilities: caps, CPUs: file(t, "domcaps.xml"), QEMU: 10000002, Libvirt: 9000000, Memory: vm.GiB,
			Domains: []Known{{"db", "11111111-1d52-d8f3-2516-782e98ab3fa0", true}, {"web", "4dea22b3-1d52-d8f3-2516-782e98ab3fa0", false}}},
		Options: Options{Destination: "qemu+tls://beta/system", P2P: true, TLS: true},
	}
}

func TestCheck(t *testing.T) {
	const disk = "/var/lib/libvirt/images/web.qcow2"
	replace := func(old, new string) func(*Move) {
		return func(m *Move) { m.Domain.XML = strings.ReplaceAll(m.Domain.XML, old, new) }
	}
	for _, tt := range []struct {
		name   string
		change func(*Move)
		want   []string // patterns of the findings, in their order
	}{
		{"nothing", func(*Move) {}, nil},
		{"nothing is known", func(m *Move) { *m = Move{Domain: Domain{XML: m.Domain.XML}} }, nil},
		{"same host", func(m *Move) { m.Source.Capabilities = m.Destination.Capabilities }, []string{`^source and destination are the same host \(UUID aaaaaaaa-.*; name another host`}},
		{"its own socket, peer to peer", func(m *Move) { m.Options.Destination = "qemu+unix:///system?socket=/run/b" }, []string{"names the source's own libvirt.*--direct"}},
		{"its own socket, direct", func(m *Move) { m.Options.Destination, m.Options.P2P = "qemu+unix:///system?socket=/run/b", false }, nil},
		{"paused", func(m *Move) { m.Domain.State = Paused }, []string{"is paused; start it with virsh resume"}},
		{"off", func(m *Move) { m.Domain.State = ShutOff }, []string{"is shut off; start it, or move its definition"}},
		{"off and saved", func(m *Move) { m.Domain.State, m.Domain.ManagedSave = ShutOff, true }, []string{"shut off; start it, which restores"}},
		{"saved", func(m *Move) { m.Domain.ManagedSave = true }, []string{"managedsave-remove"}},
		{"crashed", func(m *Move) { m.Domain.State = Crashed }, []string{"is crashed"}},
		{"migrating", func(m *Move) { m.Domain.Migrating = true }, []string{"under way already; wait for it"}},
		{"snapshots", func(m *Move) { m.Domain.Snapshots = true }, []string{"has snapshots.*snapshot-delete"}},
		{"runs there too", func(m *Move) { m.Destination.Domains[1].Active = true }, []string{"same UUID \\(web\\) is active at the destination"}},
		{"known there by another name", func(m *Move) { m.Destination.Domains[1].Name = "web-old" }, []string{"by the name web-old; give --dname web-old"}},
		{"known there by that name", func(m *Move) { m.Destination.Domains[1].Name, m.Options.DestName = "web-old", "web-old" }, nil},
		{"name taken", func(m *Move) { m.Destination.Domains[0].Name = "web" }, []string{"another domain with the name web .UUID 1111"}},
		{"new name taken", func(m *Move) { m.Options.DestName = "db" }, []string{"another domain with the name db", "by the name web"}},
		{"no room", func(m *Move) { m.Destination.Memory = 512 * vm.MiB }, []string{"512 MiB of memory, and the destination has 512 MiB"}},
		{"no such machine", replace("pc-q35-7.2", "pc-q35-8.0"), []string{"does not offer the machine type pc-q35-8.0"}},
		{"an alias of a machine", replace("pc-q35-7.2", "q35"), nil},
		{"no such architecture", replace("arch='x86_64'", "arch='aarch64'"), []string{"runs no aarch64 guests"}},
		{"no KVM", replace("type='qemu' id", "type='kvm' id"), []string{"no domains of type kvm; load the kvm module"}},
		{"too many vCPUs", replace(">2</vcpu>", ">289</vcpu>"), []string{"has 289 vCPUs, and the destination's pc-q35-7.2 takes 288"}},
		{"CPU unknown", replace(">qemu64<", ">Cascade-Lake<"), []string{"does not know the CPU model Cascade-Lake"}},
		{"CPU not usable", replace(">qemu64<", ">Skylake-Server-IBRS<"), []string{"cannot do the domain's model Skylake-Server-IBRS"}},
		{"CPU not checked", replace("check='full'>\n    <model fallback='forbid'>qemu64<", "check='none'>\n    <model fallback='forbid'>Skylake-Server-IBRS<"), nil},
		{"host's own CPU, which differs", func(m *Move) {
			replace("cpu mode='custom' match='exact'", "cpu mode='host-passthrough'")(m)
			m.Source.Capabilities = strings.Replace(m.Source.Capabilities, "Skylake-Server-IBRS", "EPYC-Rome", 1)
		}, []string{"hosts differ: EPYC-Rome and Skylake-Server-IBRS", "no CPUs of mode host-passthrough"}},
		{"invtsc", replace("name='x2apic'", "name='invtsc'"), []string{"invtsc without a fixed frequency"}},
		{"invtsc with a frequency", func(m *Move) {
			replace("name='x2apic'", "name='invtsc'")(m)
			replace("<timer name='rtc'", "<timer name='tsc' frequency='2000000000'/><timer name='rtc'")(m)
		}, nil},
		{"invtsc off", replace("name='svm'", "name='invtsc'"), nil},
		{"disk not shared", func(m *Move) { m.Domain.Shared[disk] = false }, []string{"vda .*web.qcow2. is on a file system of the source's own; copy it with --copy-storage-all"}},
		{"disk not known", func(m *Move) { m.Domain.Shared = nil }, nil},
		{"disk not shared and copied", func(m *Move) { m.Domain.Shared[disk], m.Options.CopyStorage = false, true }, nil},
		{"disk not shared, others copied", func(m *Move) {
			m.Domain.Shared[disk], m.Options.CopyStorage, m.Options.Disks = false, true, []string{"vdb"}
		}, []string{"vda .* file system of the source's own"}},
		{"disk shared and copied", func(m *Move) { m.Options.CopyStorage = true }, []string{"vda .* copied onto itself; leave --copy-storage-all out"}},
		{"disk not shared, and the user knows", func(m *Move) { m.Domain.Shared[disk], m.Options.Unsafe = false, true }, nil},
		{"an image that grows, over QEMU's own NFS client", overNFS("qcow2"), []string{"vda ./disks/web. is a qcow2 image over QEMU's own NFS.*mount the share"}},
		{"a raw one", overNFS("raw"), nil},
		{"one that grows, and the user knows", func(m *Move) { overNFS("qcow2")(m); m.Options.Unsafe = true }, nil},
		{"no such disk", func(m *Move) { m.Options.CopyStorage, m.Options.Disks = true, []string{"vdz"} }, []string{"no disk vdz"}},
		{"cached, and QEMU does not drop it", func(m *Move) {
			m.Source.QEMU, m.Domain.XML = 2012000, strings.Replace(m.Domain.XML, "type='qemu' id", "type='kvm' id", 1)
			m.Destination.Capabilities = ""
		}, []string{"vda is cached by its host .cache=default., which QEMU 2.12.0"}},
		{"TCG before 9.0", func(m *Move) { m.Source.QEMU = 7002022 }, []string{"QEMU 7.2.22 corrupts guests.*use QEMU 9.0"}},
		{"TCG before 9.0, started with another size", func(m *Move) { m.Source.QEMU, m.Domain.RAM = 7002022, 512*vm.MiB+8*vm.KiB }, nil},
		{"TCG before 9.0, memory set past libvirt", func(m *Move) {
			m.Source.QEMU = 7002022
			replace("</domain>", "<qemu:commandline><qemu:arg value='-m'/><qemu:arg value='524296K'/></qemu:commandline></domain>")(m)
		}, nil},
		{"KVM before 9.0", func(m *Move) {
			m.Source.QEMU, m.Destination.Capabilities = 7002022, ""
			replace("type='qemu' id", "type='kvm' id")(m)
		}, nil},
		{"multifd to 9.2.0", func(m *Move) {
			m.Source.QEMU, m.Destination.QEMU, m.Options.Parallel = 8002007, 9002000, true
			m.Domain.XML, m.Destination.Capabilities = strings.Replace(m.Domain.XML, "type='qemu' id", "type='kvm' id", 1), ""
		}, []string{"from QEMU 8.2.7 to 9.2.0 fails"}},
		{"multifd from 9.0 to 9.2.0", func(m *Move) { m.Source.QEMU, m.Destination.QEMU, m.Options.Parallel = 9000000, 9002000, true }, nil},
		{"multifd to 9.2.1", func(m *Move) { m.Source.QEMU, m.Destination.QEMU, m.Options.Parallel = 9000000, 9002001, true }, nil},
		{"ports", func(m *Move) { m.Ports = []Port{{49152, ForMemory, Refused}, {10809, ForDisks, Refused}} }, nil},
		{"the first port is taken", func(m *Move) { m.Ports = []Port{{49152, ForMemory, Taken}} }, nil},
		{"ports that are silent", func(m *Move) { m.Ports = []Port{{49152, ForMemory, Silent}} }, []string{"port 49152 .* no answer: .*firewall.*; open TCP ports 49152 to 49215.*--migrateuri"}},
		{"ports that are barred", func(m *Move) { m.Ports = []Port{{49152, ForMemory, Barred}} }, []string{"port 49152 .* is barred"}},
		{"a port that was given is taken", func(m *Move) { m.Ports, m.Options.Port = []Port{{50000, ForMemory, Taken}}, 50000 }, []string{"listens on port 50000 .*; name another with --migrateuri"}},
		{"a port that was given is silent", func(m *Move) { m.Ports, m.Options.Port = []Port{{50000, ForMemory, Silent}}, 50000 }, []string{"port 50000 .* no answer.*; open it"}},
		{"the disks' port is taken", func(m *Move) { m.Ports = []Port{{10809, ForDisks, Taken}} }, []string{"listens on port 10809 .* disks.*--disks-port"}},
		{"the disks' port is silent", func(m *Move) { m.Ports = []Port{{10809, ForDisks, Silent}} }, []string{"port 10809 .*no answer.*--disks-port"}},
		{"no certificates", func(m *Move) { m.Destination.NoTLS = []string{"ca-cert.pem", "server-key.pem"} }, []string{"the destination has no ca-cert.pem, server-key.pem"}},
		{"no certificates needed", func(m *Move) { m.Destination.NoTLS, m.Options.TLS = []string{"ca-cert.pem"}, false }, nil},
	} {
		m := good(t)
		tt.change(&m)
		compare(t, tt.name, m, tt.want)
	}
}

// overNFS has the first disk be an image that QEMU itself reaches over NFS.
func overNFS(format string) func(*Move) {
	return func(m *Move) {
		x := strings.Replace(m.Domain.XML, "<disk type='file' device='disk'>\n      <driver name='qemu' type='qcow2'/>",
			"<disk type='network' device='disk'><driver name='qemu' type='"+format+"'/>", 1)
		m.Domain.XML = strings.Replace(x, "<source file='/var/lib/libvirt/images/web.qcow2' index='2'/>",
			"<source protocol='nfs' name='/disks/web'><host name='10.9.0.9'/></source>", 1)
	}
}

func compare(t *testing.T, name string, m Move, want []string) {
	t.Helper()
	got, err := Check(m)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("%s: also found: %v", name, got[i])
		case i >= len(got):
			t.Errorf("%s: not found: %s", name, want[i])
		case !regexp.MustCompile(want[i]).MatchString(got[i].Error()) || got[i].Mend == "":
			t.Errorf("%s: found %q; want %q", name, got[i].Error(), want[i])
		}
	}
}

// TestDevices: a domain with all that ties it to its host, each of it found once.
func TestDevices(t *testing.T) {
	compare(t, "gpu", Move{Domain: Domain{XML: file(t, "domain-11.3.xml"), State: Running}, Source: Host{QEMU: 10000002}}, []string{
		"invtsc", "vdb is an NVMe device", `a PCI device of the source's .hostdev1.`, `vGPU. of the source's .hostdev2`,
		`a USB device of the source's .hostdev3`, `the source's own hardware .type hostdev. .hostdev0`, "virtiofs, share",
		"9p, old", "uses the source's TPM", "shares memory peers", "encrypted for its host .sev.",
	})
}

// TestUnreadable: a description that cannot be read is an error that says which.
func TestUnreadable(t *testing.T) {
	for want, spoil := range map[string]func(*Move){
		"domain's description":                   func(m *Move) { m.Domain.XML = m.Domain.XML[:100] },
		"source's capabilities":                  func(m *Move) { m.Source.Capabilities = "<domain/>" },
		"destination's capabilities":             func(m *Move) { m.Destination.Capabilities = "none" },
		"the CPUs that the destination can give": func(m *Move) { m.Destination.CPUs = "<domainCapabilities>" },
	} {
		m := good(t)
		spoil(&m)
		if all, err := Check(m); err == nil || !strings.Contains(err.Error(), want) || all != nil {
			t.Errorf("%s: %v, %v", want, all, err)
		}
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		unit, value string
		want        vm.Bytes
	}{
		{"KiB", "524288", 512 * vm.MiB}, {"", " 4 ", 4 * vm.KiB}, {"GiB", "2", 2 * vm.GiB}, {"MB", "3", 3e6}, {"bytes", "7", 7},
		{"", "x", 0}, {"", "-1", 0}, {"parsec", "1", 0}, {"TiB", "9223372036854775807", 0}, {"", "", 0},
	} {
		if got, err := (Size{tt.unit, tt.value}).Bytes(); got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%q %s = %d, %v; want %d", tt.value, tt.unit, int64(got), err, int64(tt.want))
		}
	}
}

// FuzzCheck: no description makes it panic, and every finding says how to mend it.
func FuzzCheck(f *testing.F) {
	caps, cpus := file(f, "capabilities.xml"), file(f, "domcaps.xml")
	f.Add(file(f, "domain-9.0.xml"), caps, cpus)
	f.Add(file(f, "domain-11.3.xml"), caps, cpus)
	f.Add("<domain type='qemu'><memory unit='TiB'>9999999999999</memory></domain>", "", "")
	f.Fuzz(func(t *testing.T, domain, to, cpus string) {
		m := good(t)
		m.Domain.XML, m.Destination.Capabilities, m.Destination.CPUs = domain, to, cpus
		all, err := Check(m)
		if err != nil && len(all) > 0 {
			t.Fatalf("%v beside the error %v", all, err)
		}
		for _, x := range all {
			if x.What == "" || x.Mend == "" {
				t.Fatalf("%+v is no help", x)
			}
		}
	})
}
