package rpc_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// BenchmarkList200 connects to a host with 200 domains, lists them with their states, and closes: walm list, once. "each"
// asks for every domain's state and job besides, all at once on the one connection.
func BenchmarkList200(b *testing.B) {
	const n = 200
	var h rpctest.Host
	for i := range n {
		h.Domains = append(h.Domains, rpctest.Running(fmt.Sprintf("domain-%03d", i), int32(i+1)))
	}
	path := filepath.Join(b.TempDir(), "s")
	s, err := rpctest.Listen(path, h)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for name, each := range map[string]bool{"list": false, "each": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c, err := rpc.Dial(b.Context(), "qemu+unix:///system?socket="+path)
				if err != nil {
					b.Fatal(err)
				}
				all, err := c.Stats(b.Context(), rpc.StatsState|rpc.StatsBalloon|rpc.StatsVCPU)
				if err != nil || len(all) != n {
					b.Fatalf("%d domains, %v", len(all), err)
				}
				if each {
					status(b, c, all)
				}
				c.Close()
			}
		})
	}
}

func status(b *testing.B, c *rpc.Conn, all []rpc.DomainStats) {
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() {
			if _, err := c.State(b.Context(), d.Domain); err != nil {
				b.Error(err)
			}
			if _, err := c.JobStats(b.Context(), d.Domain, false); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}
