package netlab

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"walm/vm"
)

// lines writes a plan with one line for each link.
func lines(p plan) string {
	var b strings.Builder
	write := func(e end) {
		fmt.Fprintf(&b, " %s/%s", e.namespace, e.name)
		if e.bridge != "" {
			fmt.Fprintf(&b, " port of %s", e.bridge)
		}
		if e.addr.IsValid() {
			fmt.Fprintf(&b, " %v", e.addr)
		}
		if e.mac != 0 {
			fmt.Fprintf(&b, " mac %d", e.mac)
		}
		if e.shaped {
			b.WriteString(" shaped")
		}
	}
	fmt.Fprintln(&b, strings.Join(p.namespaces, " "))
	for _, l := range p.links {
		b.WriteString(string(l.kind))
		write(l.end)
		if l.kind == veth {
			b.WriteString(" =")
			write(l.peer)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const shared = `walm-x-a walm-x-b walm-x-c walm-x-s
bridge walm-x-s/br0
bridge walm-x-a/br0 10.77.0.1/24 mac 1
tap walm-x-a/tap0 port of br0
veth walm-x-a/up0 port of br0 shaped = walm-x-s/a0 port of br0 shaped
bridge walm-x-b/br0 10.77.0.2/24 mac 2
tap walm-x-b/tap0 port of br0
veth walm-x-b/up0 port of br0 shaped = walm-x-s/b0 port of br0 shaped
veth walm-x-c/eth0 10.77.0.9/24 = walm-x-s/c0 port of br0
`

const separate = shared + `bridge walm-x-s/br1
veth walm-x-a/up1 10.78.0.1/24 shaped = walm-x-s/a1 port of br1 shaped
veth walm-x-b/up1 10.78.0.2/24 shaped = walm-x-s/b1 port of br1 shaped
`

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		spec                Spec
		want, host, up, end string
	}{
		{Spec{ID: "x", Rate: vm.Gbit}, shared, "10.77.0.2", "up0", "b0"},
		{Spec{ID: "x", Separate: true}, separate, "10.78.0.2", "up1", "b1"},
	} {
		if got := lines(tt.spec.plan()); got != tt.want {
			t.Errorf("%+v:\n%s\nwant:\n%s", tt.spec, got, tt.want)
		}
		if h := (&Net{spec: tt.spec}).Host(B); h.Namespace != "walm-x-b" || h.Addr.String() != tt.host {
			t.Errorf("%+v: host b is %+v", tt.spec, h)
		}
		if up, end := tt.spec.uplink(), tt.spec.port(B); up != tt.up || end != tt.end {
			t.Errorf("%+v: uplink %s to %s, want %s to %s", tt.spec, up, end, tt.up, tt.end)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		ok   bool
	}{
		{Spec{ID: "x"}, true},
		{Spec{ID: "2024-run-3", Rate: 25 * vm.Gbit}, true},
		{Spec{ID: "x", Rate: vm.Gbit / 1000}, true},
		{Spec{}, false},
		{Spec{ID: "-x"}, false},
		{Spec{ID: "../x"}, false},
		{Spec{ID: strings.Repeat("x", 33)}, false},
		{Spec{ID: "x", Rate: -1}, false},
		{Spec{ID: "x", Rate: 1000}, false},
		{Spec{ID: "x", Rate: 1e12}, false},
		{Spec{ID: "x", Rate: vm.Rate(math.NaN())}, false},
	} {
		if err := tt.spec.check(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.spec, err)
		}
	}
}

func TestIDs(t *testing.T) {
	got := ids([]string{
		"walm-b-s", "walm-a-a", "walm-a-b", "walm-a-b-c", "walm-a", "walm--a", "walm-a-x", "other-a-a", "xwalm-a-a",
	})
	if want := []string{"a", "a-b", "b"}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
}

// The figures of tc's man page: what waits 50 ms at the rate, and the burst, fit in the queue.
func TestTBF(t *testing.T) {
	for _, tt := range []struct {
		rate   vm.Rate
		rates  uint64
		limits uint32
	}{
		{vm.Gbit, 125_000_000, 6_250_000 + 262_144},
		{vm.Gbit / 10, 12_500_000, 625_000 + 262_144},
		{fastest, 50_000_000_000, 2_500_000_000 + 262_144},
	} {
		if q := tbf(tt.rate); q.Rate != tt.rates || q.Limit != tt.limits || q.Buffer == 0 {
			t.Errorf("%v: %+v", tt.rate, q)
		}
	}
}
