//go:build lab

package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/lab/debian"
	"walm/lab/libvirtd"
	"walm/lab/libvirtd/libvirtdtest"
	"walm/lab/netlab"
)

var record = flag.Bool("record", false, "keep what passes in testdata/transcripts")

// TestRealDaemons is what TestTranscripts plays, with the daemons themselves.
func TestRealDaemons(t *testing.T) {
	for suite, version := range map[debian.Suite]string{debian.Bookworm: "9.0", debian.Backports: "11.3"} {
		t.Run(version, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			l := libvirtdtest.Up(ctx, t, libvirtd.Spec{Suite: suite, TLS: true}, "random:wset=32MiB,rate=2000")
			g := libvirtdtest.Boot(ctx, t, l)

			listed(ctx, t, l.Host(netlab.A).Socket())
			overNetwork(ctx, t, l)
			relay := filepath.Join(t.TempDir(), "s")
			var passed bytes.Buffer
			recording, stop := context.WithCancel(ctx)
			wait, err := rpctest.Record(recording, relay, l.Host(netlab.A).Socket(), &passed)
			if err != nil {
				t.Fatal(err)
			}
			s, err := watchMove(ctx, "qemu+unix:///system?socket="+relay, elsewhere, 200*time.Millisecond)
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			s.check(t, version)
			if err := g.Verify(ctx, netlab.B); err != nil {
				t.Error(err)
			}
			if *record {
				keep(t, filepath.Join("testdata", "transcripts", version+".jsonl.gz"), passed.Bytes())
			}
		})
	}
}

// overNetwork reaches host b from host a, over TLS with that host's client certificate, without one, over plain TCP,
// and where no daemon listens.
func overNetwork(ctx context.Context, t *testing.T, l *libvirtd.Lab) {
	bare := t.TempDir()
	ca, err := os.ReadFile(filepath.Join(l.PKI(), "cacert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bare, "cacert.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	dial := func(uri string) (name string, err error) {
		inside := netlab.Do(l.Net().Host(netlab.A).Namespace, func() error {
			c, err := rpc.Dial(ctx, uri)
			if err != nil {
				return err
			}
			defer c.Close()
			name, err = c.Hostname(ctx)
			return err
		})
		return name, inside
	}
	if name, err := dial("qemu+tls://10.77.0.2/system?pkipath=" + l.PKI()); err != nil || name != "host-b" {
		t.Errorf("over TLS %q answers: %v", name, err)
	}
	if _, err := dial("qemu+tls://10.77.0.2/system?pkipath=" + bare); err == nil || !strings.Contains(err.Error(), "wants a certificate of the client's") {
		t.Errorf("without a certificate: %v", err)
	}
	if name, err := dial("qemu+tcp://10.77.0.2/system"); err != nil || name != "host-b" {
		t.Errorf("over TCP %q answers: %v", name, err)
	}
	if _, err := dial("qemu+tcp://10.77.0.2:16500/system"); err == nil || !strings.Contains(err.Error(), "no libvirt listens there") {
		t.Errorf("at a port that nobody has: %v", err)
	}
}

// listed wants the list and the state of 200 domains in 200 ms, from libvirt's own made-up host in the daemon.
func listed(ctx context.Context, t *testing.T, socket string) {
	const n, within = 200, 200 * time.Millisecond
	var b strings.Builder
	b.WriteString("<node>")
	for i := range n {
		fmt.Fprintf(&b, "<domain type='test'><name>domain-%03d</name><memory>8192</memory><os><type>hvm</type></os></domain>", i)
	}
	b.WriteString("</node>")
	file := filepath.Join(filepath.Dir(socket), "made-up.xml") // in /run/libvirt, for the daemon
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c, err := rpc.Dial(ctx, "test+unix:///run/libvirt/made-up.xml?socket="+socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dialled := time.Now()
	all, err := c.Domains(ctx, 0)
	if err != nil || len(all) != n {
		t.Fatalf("%d domains, %v", len(all), err)
	}
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() {
			if info, err := c.Info(ctx, d); err != nil || info.KiB != 8192 {
				t.Errorf("%s: %+v, %v", d.Name, info, err)
			}
		})
	}
	wg.Wait()
	took := time.Since(dialled)
	t.Logf("%d domains one by one in %v, after %v in which the daemon made them up", n, took, dialled.Sub(began))
	if took > within {
		t.Errorf("%d domains took %v, want %v", n, took, within)
	}
	_, err = c.Stats(ctx, rpc.StatsState)
	t.Logf("all at once: %v", err)
	if err != nil && !errors.Is(err, rpc.NoSupport) {
		t.Error(err)
	}
	if err := c.AbortJob(ctx, all[0]); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a call that the driver does not have: %v", err)
	}
}

func keep(t *testing.T, file string, text []byte) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
