package libvirt

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/vm"
)

func TestOpen(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"3", guestName, w.domain.UUID.String()} {
		d, err := Open(t.Context(), w.uri("alpha"), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.UUID != w.domain.UUID || d.Host != "alpha" || d.RAM != 64*vm.MiB || d.Machine != "pc-q35-7.2" || d.VCPUs != 1 ||
			d.Accelerator != "kvm" || d.CPU != "qemu64" || d.PID() != 0 {
			t.Errorf("%s: %+v, process %d", name, d, d.PID())
		}
		if run, err := d.RunState(t.Context()); run != vm.RunStateRunning || err != nil {
			t.Errorf("%s: %s, %v", name, run, err)
		}
		if _, err := d.Layout(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("the layout of a domain without a process: %v", err)
		}
		d.Close()
	}
	_, err := Open(t.Context(), w.uri("alpha"), "webb")
	if !errors.Is(err, rpc.NoDomain) {
		t.Error(err)
	}
	wants(t, err, "web", "webb")
	_, err = Open(t.Context(), w.uri("alpha"), "something else")
	wants(t, err, "walm list")
	w.source(func(d *rpctest.Domain) { d.XML = "<domain" })
	_, err = Open(t.Context(), w.uri("alpha"), guestName)
	wants(t, err, "description")
}

func TestSampleDirtyRate(t *testing.T) {
	w := newWorld(t)
	d, err := Open(t.Context(), w.uri("alpha"), guestName)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, window := range []time.Duration{50 * time.Millisecond, 1500 * time.Millisecond, 2 * time.Minute} {
		if _, err := d.SampleDirtyRate(t.Context(), window, 512); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", window, err)
		}
	}
	if _, err := d.SampleDirtyRate(t.Context(), time.Second, 4096); err == nil {
		t.Error("libvirt samples 512 pages per GiB, and 4096 were had")
	}
	if n := d.Samples(); n != 32 { // of 64 MiB
		t.Errorf("%d samples", n)
	}
	measured := rpc.Params{{Name: "dirtyrate.calc_status", Value: int32(1)}}
	w.source(func(d *rpctest.Domain) { d.Stats = measured })
	time.AfterFunc(1100*time.Millisecond, func() { // it takes a little longer
		w.source(func(d *rpctest.Domain) {
			d.Stats = rpc.Params{{Name: "dirtyrate.calc_status", Value: int32(2)}, {Name: "dirtyrate.megabytes_per_second", Value: int64(7)}}
		})
	})
	rate, err := d.SampleDirtyRate(t.Context(), time.Second, 512)
	if err != nil || rate != vm.Rate(7*vm.MiB) {
		t.Errorf("%v, %v", rate, err)
	}
	w.source(func(d *rpctest.Domain) { d.Job.Type = rpc.JobUnbounded })
	_, err = d.SampleDirtyRate(t.Context(), time.Second, 512)
	wants(t, err, "a job of the domain is under way")
}

func TestDescribe(t *testing.T) {
	const numa = `<domain type='kvm' xmlns:qemu='x'>
  <memory unit='KiB'>5242880</memory><vcpu placement='static' current='2'>8</vcpu>
  <os><type arch='x86_64' machine='pc-q35-9.2'>hvm</type></os>
  <cpu mode='host-model'><numa><cell id='0' cpus='0' memory='2097152' unit='KiB'/><cell id='1' cpus='1' memory='2' unit='GiB'/></numa></cpu>
  <devices><emulator>/usr/bin/qemu-kvm</emulator>
    <memory model='dimm'><target><size unit='GiB'>1</size></target></memory>
    <memory model='nvdimm'><target><size unit='GiB'>4</size></target></memory>
    <disk type='file' device='disk'><source file='/a.img'/><target dev='vda'/></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='pool/b'/><target dev='vdb'/><readonly/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/></disk>
  </devices></domain>`
	f, err := describe(numa)
	want := Features{Accelerator: "kvm", Arch: "x86_64", Machine: "pc-q35-9.2", CPU: "host-model", Emulator: "/usr/bin/qemu-kvm",
		RAM: 5 * vm.GiB, Plugged: vm.GiB, Blocks: []vm.Bytes{2 * vm.GiB, 2 * vm.GiB, vm.GiB}, VCPUs: 2,
		Disks: []Disk{{"vda", "/a.img", "file", false}, {"vdb", "pool/b", "network", true}}}
	if diff := cmp.Diff(want, f); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"", "<domain>", "<domain><memory>x</memory></domain>", "<domain><memory unit='KiB'>0</memory></domain>",
		"<domain><memory unit='furlong'>1</memory></domain>",
		"<domain><memory>1024</memory><devices><memory model='dimm'><target><size>1024</size></target></memory></devices></domain>",
		"<domain><memory unit='TiB'>9999999999999</memory></domain>"} {
		if f, err := describe(bad); err == nil {
			t.Errorf("%q is %+v", bad, f)
		}
	}
}

func TestResized(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want vm.Bytes
	}{
		{nil, 0},
		{[]string{"-device", "x"}, 0},
		{[]string{"-m", "393224K"}, 393224 * vm.KiB},
		{[]string{"-m", "size=393224k,slots=2"}, 393224 * vm.KiB},
		{[]string{"-m", "512"}, 512 * vm.MiB},
		{[]string{"-object", "memory-backend-ram,id=a,size=262152K"}, 262152 * vm.KiB},
		{[]string{"-object", `{"qom-type":"memory-backend-ram","id":"a","size":268443648}`}, 262152 * vm.KiB},
		{[]string{"-m"}, 0},
		{[]string{"-m", "much"}, 0},
	} {
		if got, ok := resized(tt.args); got != tt.want || ok != (tt.want > 0) {
			t.Errorf("%q: %d, %v; want %d", tt.args, got, ok, tt.want)
		}
	}
}

func TestStarted(t *testing.T) {
	args := []string{"qemu", "-m", "size=262152k", "-object", `{"id":"dimm","qom-type":"memory-backend-ram","size":4096}`}
	f := Features{RAM: 256 * vm.MiB, Blocks: []vm.Bytes{256 * vm.MiB}}
	f.started(args)
	if f.RAM != 262152*vm.KiB || f.Blocks[0] != f.RAM || !f.Resized {
		t.Errorf("%+v", f)
	}
	for _, other := range []Features{{RAM: 262152 * vm.KiB, Blocks: []vm.Bytes{262152 * vm.KiB}},
		{RAM: 256 * vm.MiB, Blocks: []vm.Bytes{128 * vm.MiB, 128 * vm.MiB}}} {
		before := other.RAM
		if other.started(args); other.RAM != before || other.Resized {
			t.Errorf("%+v", other)
		}
	}
	f.started(nil)
}

func TestCorruptsTCG(t *testing.T) {
	odd := 256*vm.MiB + 8*vm.KiB
	for _, tt := range []struct {
		f    Features
		want bool
	}{
		{Features{Accelerator: "kvm", QEMU: 7_002_000, Blocks: []vm.Bytes{vm.GiB}}, false},
		{Features{Accelerator: "tcg", QEMU: 7_002_000, Blocks: []vm.Bytes{vm.GiB}}, true},
		{Features{Accelerator: "tcg", QEMU: 7_002_000, Blocks: []vm.Bytes{odd}}, false},
		{Features{Accelerator: "tcg", QEMU: 7_002_000, Blocks: []vm.Bytes{odd, vm.GiB}}, true},
		{Features{Accelerator: "tcg", QEMU: 9_000_000, Blocks: []vm.Bytes{vm.GiB}}, false},
	} {
		if got := tt.f.CorruptsTCG(); (got != "") != tt.want {
			t.Errorf("%+v: %q", tt.f, got)
		}
	}
}

func TestParseUUID(t *testing.T) {
	const text = "aaaaaaaa-0000-4000-8000-000000000001"
	if id, ok := parseUUID(text); !ok || id.String() != text {
		t.Errorf("%s, %v", id, ok)
	}
	for _, bad := range []string{"", "web", text + "0", "zaaaaaaa-0000-4000-8000-000000000001"} {
		if id, ok := parseUUID(bad); ok {
			t.Errorf("%q is %s", bad, id)
		}
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add(`<domain type='qemu'><memory unit='MiB'>256</memory><vcpu>1</vcpu></domain>`)
	f.Add(`<domain><memory>1024</memory><devices><memory model='dimm'><target><size>512</size></target></memory></devices>` +
		`<commandline><arg value='-m'/><arg value='1G'/></commandline></domain>`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := describe(text)
		if err != nil {
			return
		}
		var sum vm.Bytes
		for _, n := range d.Blocks {
			if n < 0 {
				t.Fatalf("a piece of %d", n)
			}
			sum += n
		}
		if d.RAM <= 0 || d.Plugged < 0 || d.Plugged >= d.RAM || len(d.Blocks) == 0 {
			t.Fatalf("%+v", d)
		}
	})
}
