//go:build lab

package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/libvirtd"
	"walm/lab/netlab"
)

var record = flag.Bool("record", false, "keep what passes in testdata/transcripts")

// TestRealDaemons is what TestTranscripts plays, with the daemons themselves.
func TestRealDaemons(t *testing.T) {
	for suite, version := range map[debian.Suite]string{debian.Bookworm: "9.0", debian.Backports: "11.3"} {
		t.Run(version, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			w, err := guest.ParseWorkload("random:wset=32MiB,rate=2000")
			if err != nil {
				t.Fatal(err)
			}
			l, err := libvirtd.Up(ctx, libvirtd.Spec{Suite: suite, Workload: w, TLS: true}, func(s string) { t.Log(s) })
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.Down(); err != nil {
					t.Error(err)
				}
			}()
			g, err := l.Boot(ctx, netlab.A, libvirtd.Disk{})
			if err != nil {
				t.Fatalf("%v\n%s", err, l.Host(netlab.A).Log())
			}
			defer g.Close()

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
