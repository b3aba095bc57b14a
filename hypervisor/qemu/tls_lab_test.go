//go:build lab

package qemu_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/hypervisor/qemu"
	"walm/lab"
	"walm/lab/debian"
	"walm/measure"
	"walm/migrate"
	"walm/pki"
	"walm/vm"
)

// TestTLS moves a real guest over encrypted streams with what walm's own pki makes, on every kind of channel there is, and
// wants real QEMUs to refuse each other where one of them is not who it should be, with the guest alive where it was.
func TestTLS(t *testing.T) {
	good, other, late := store(t, time.Now()), store(t, time.Now()), store(t, time.Now().Add(-2*time.Hour))
	x509 := func(source, destination pki.Store) *qemu.TLS {
		return &qemu.TLS{Kind: qemu.X509, Source: files(source, "alpha"), Destination: files(destination, "beta")}
	}
	psk := func(source, destination pki.Store) *qemu.TLS {
		return &qemu.TLS{Kind: qemu.PSK, Source: files(source, "alpha"), Destination: files(destination, "beta")}
	}
	with := func(t *qemu.TLS, change func(*qemu.TLS)) *qemu.TLS { change(t); return t }
	params := func(m vm.Method, change func(*vm.Params)) decide.Plan {
		p := decide.Plan{Method: m, Params: vm.DefaultParams(m)}
		change(&p.Params)
		return p
	}
	plain := params(vm.PreCopy, func(*vm.Params) {})
	type try struct {
		name string
		tls  *qemu.TLS
		plan decide.Plan
		want string // of why it is refused; empty: it moves
	}
	moves := []try{
		{"x509, several channels that compress", x509(good, good), params(vm.PreCopy, func(p *vm.Params) {
			p.Multifd, p.Compression, p.Postcopy, p.Preempt = 3, vm.Zstd, false, false
		}), ""},
		{"x509, post-copy with a channel for faults", x509(good, good), params(vm.PostCopy, func(p *vm.Params) { p.Preempt, p.Bandwidth = true, 40e6 }), ""},
		{"a shared key", psk(good, good), plain, ""},
		{"both by name", with(x509(good, good), func(t *qemu.TLS) { t.Allow, t.Name = "CN=alpha", "beta.example" }), plain, ""},
	}
	refused := []try{
		{"a destination of another authority", x509(good, other), plain, "ertificate"},
		{"a source of another authority", x509(other, good), plain, "ertificate"},
		{"a destination of another name", with(x509(good, good), func(t *qemu.TLS) { t.Name = "gamma.example" }), plain, "does not match the hostname"},
		{"a source of another name", with(x509(good, good), func(t *qemu.TLS) { t.Allow = "CN=gamma" }), plain, ""},
		{"a certificate that has expired", x509(good, late), plain, "expired"},
		{"another shared key", psk(other, good), plain, ""},
		{"no files", with(x509(good, good), func(t *qemu.TLS) { t.Source = "/nonexistent" }), plain, "/nonexistent"},
	}
	for _, v := range []struct {
		name  string
		suite debian.Suite
		tries []try
	}{{"7.2", debian.Bookworm, moves[:3]}, {"10.0", debian.Backports, append(moves, refused...)}} {
		t.Run(v.name, func(t *testing.T) {
			l := up(t, lab.Spec{QEMU: v.suite, Unshaped: true, Workload: workload(t, "random:wset=32MiB,rate=5000")})
			for i, try := range v.tries {
				t.Run(try.name, func(t *testing.T) {
					moves := i < len(moves)
					pair, err := l.Pair(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					pair.TLS = try.tls
					findings, err := pair.Check(t.Context())
					if early := try.want == "expired" || try.want == "/nonexistent"; err != nil || early != (len(findings) > 0) {
						t.Errorf("checked beforehand: %v, %v", findings, err)
					}
					for _, f := range findings {
						if !strings.Contains(f.Error(), try.want) || !strings.Contains(f.Error(), "walm pki") {
							t.Errorf("the finding is %q", f)
						}
					}
					res, err := migrate.Run(t.Context(), pair, migrate.New(try.plan, nil), migrate.Watch{})
					t.Logf("%s: %s, %v", res.State, res.Reason, err)
					side, result := vm.Source, measure.Stayed
					if res.State == migrate.Completed {
						side, result = vm.Destination, measure.Moved
					}
					if moves != (result == measure.Moved) {
						t.Errorf("it ended %s: %s, %v", res.State, res.Reason, err)
					}
					if !moves && !strings.Contains(res.Reason, try.want) {
						t.Errorf("the reason is %q, which does not say %q", res.Reason, try.want)
					}
					if err := l.Verify(t.Context(), side); err != nil {
						t.Error(err)
					}
					if err := l.Settle(result); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// store is an authority with the files of both hosts of a lab, which take turns at being the source.
func store(t testing.TB, now time.Time) pki.Store {
	t.Helper()
	s := pki.Store{Dir: t.TempDir()}
	if err := os.Remove(s.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Init("a lab", now, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Share(pki.User); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"alpha", "beta"} {
		if err := s.IssueHost(host, []string{host + ".example"}, both, "", now, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// both are the addresses of a lab's hosts.
var both = []net.IP{net.IPv4(10, 77, 0, 1), net.IPv4(10, 77, 0, 2)}

func files(s pki.Store, host string) string { return filepath.Join(s.Host(host), "etc/pki/qemu") }
