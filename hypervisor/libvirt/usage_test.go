package libvirt

import (
	"strings"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/vm"
)

func TestUsage(t *testing.T) {
	w := newWorld(t)
	w.source(func(d *rpctest.Domain) { // as libvirt 11.3 told of a guest of the lab's
		d.Stats = rpc.Params{{Name: "balloon.rss", Value: uint64(152600)}, {Name: "vcpu.0.time", Value: uint64(370e6)},
			{Name: "vcpu.0.wait", Value: uint64(0)}, {Name: "vcpu.0.delay", Value: uint64(2e9)}, {Name: "net.count", Value: uint32(2)},
			{Name: "net.0.name", Value: "tap0"}, {Name: "net.1.name", Value: "tap1"}, {Name: "net.0.rx.bytes", Value: uint64(162)}, {Name: "net.0.tx.bytes", Value: uint64(1020)},
			{Name: "net.1.rx.bytes", Value: uint64(1)}, {Name: "net.1.tx.bytes", Value: uint64(2)}}
	})
	d, err := Open(t.Context(), w.uri("alpha"), guestName)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	u, err := d.Usage(t.Context())
	if err != nil || u.Resident != 152600*vm.KiB || u.Balloon != 0 || len(u.CPU) != 1 || u.CPU[0] != 2370*time.Millisecond ||
		u.Waits[0] != 2*time.Second || u.Traffic["tap0"] != (vm.Traffic{Received: 162, Sent: 1020}) || u.Traffic["tap1"].Sent != 2 || len(u.Unknown) > 0 || u.At.IsZero() {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestUsageThatIsNotTold(t *testing.T) {
	balloon := rpc.Params{{Name: "balloon.maximum", Value: uint64(1024)}, {Name: "balloon.current", Value: uint64(768)}}
	u := usage(balloon, Features{VCPUs: 1}, time.Now())
	said := strings.Join(u.Unknown, ";")
	if u.Balloon != 256*vm.KiB || len(u.CPU) > 0 || !strings.Contains(said, "libvirt does not tell") {
		t.Errorf("%+v", u)
	}
	resident := rpc.Params{{Name: "balloon.rss", Value: uint64(1 << 20)}, {Name: "net.count", Value: uint32(1)}}
	for _, backing := range []string{"<hugepages/>", "<source type='memfd'/><access mode='shared'/>"} {
		f, err := describe("<domain type='kvm'><memory>1048576</memory><memoryBacking>" + backing + "</memoryBacking></domain>")
		if u := usage(resident, f, time.Now()); err != nil || f.Uncounted == "" || u.Resident != 0 ||
			!strings.Contains(strings.Join(u.Unknown, ";"), f.Uncounted) || !strings.Contains(strings.Join(u.Unknown, ";"), "interface 0") {
			t.Errorf("%s: %+v, %+v, %v", backing, f, u, err)
		}
	}
}
