//go:build lab

package qemu_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/hypervisor/qemu"
	"walm/lab"
	"walm/measure"
	"walm/migrate"
	"walm/vm"
)

// BenchmarkStream moves a quiet guest with 120 MiB of its own over an unshaped link, plain, by certificates and by a shared
// key in turns, each turn in another order. MB/s is what QEMU sent over the whole time that it took, and cpu-s/GB what both
// QEMUs computed for it, which a busy machine blurs less.
func BenchmarkStream(b *testing.B) {
	s := store(b, time.Now())
	l := up(b, lab.Spec{Unshaped: true, Workload: workload(b, "random:wset=120MiB,rate=10")})
	tls := func(kind qemu.TLSKind) *qemu.TLS {
		return &qemu.TLS{Kind: kind, Source: files(s, "alpha"), Destination: files(s, "beta")}
	}
	kinds := []struct {
		name string
		tls  *qemu.TLS
	}{{"plain", nil}, {"x509", tls(qemu.X509)}, {"psk", tls(qemu.PSK)}}
	rate, cost := map[string][]float64{}, map[string][]float64{}
	for n := range b.N {
		for i := range kinds {
			k := kinds[(i+n)%len(kinds)]
			pair, err := l.Pair(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			pair.TLS = k.tls
			before := computed(b, pair)
			res, err := migrate.Run(b.Context(), pair, migrate.New(decide.Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy)}, nil), migrate.Watch{})
			if err != nil || res.State != migrate.Completed {
				b.Fatalf("%s: %s, %s, %v", k.name, res.State, res.Reason, err)
			}
			used := computed(b, pair) - before
			for _, e := range res.Events {
				if p := e.Progress; p != nil && p.TotalTime > 0 && e.Status == vm.StatusCompleted {
					rate[k.name] = append(rate[k.name], float64(p.Transferred)/1e6/p.TotalTime.Seconds())
					cost[k.name] = append(cost[k.name], used.Seconds()/float64(p.Transferred)*1e9)
				}
			}
			if err := l.Settle(measure.Moved); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, k := range kinds {
		b.Logf("%-5s n = %d  MB/s %.0f  cpu-s/GB %.2f", k.name, len(rate[k.name]), rate[k.name], cost[k.name])
	}
}

// computed is the CPU time of both QEMUs.
func computed(b *testing.B, p *qemu.Pair) (all time.Duration) {
	for _, v := range []*qemu.VM{p.Source, p.Destination} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.PID()))
		if err != nil {
			b.Fatal(err)
		}
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
		for _, x := range f[12:14] { // utime, stime
			n, err := strconv.ParseInt(x, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			all += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return all
}
