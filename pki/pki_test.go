package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var then = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func store(t *testing.T) Store {
	t.Helper()
	s := Store{filepath.Join(t.TempDir(), "pki")}
	if _, err := s.Init("acme", then, 1000*day); err != nil {
		t.Fatal(err)
	}
	return s
}

func issue(t *testing.T, s Store, name string, valid time.Duration) {
	t.Helper()
	if err := s.IssueHost(name, []string{name, name + ".example"}, []net.IP{net.ParseIP("192.0.2.7")}, "", then, valid); err != nil {
		t.Fatal(err)
	}
}

// TestHandshake: Go's own TLS takes what was made in both directions, and refuses it under another name, too late, or from
// another authority. Whether QEMU and libvirt do is tested with them.
func TestHandshake(t *testing.T) {
	s := store(t)
	issue(t, s, "alpha", 30*day)
	issue(t, s, "beta", 30*day)
	other := store(t)
	issue(t, other, "beta", 30*day)
	at := func(s Store, host, name string) string { return filepath.Join(s.Host(host), "etc/pki/qemu", name) }
	for _, tt := range []struct {
		name, reached string
		client        Store
		now           time.Time
		want          string // of the error
	}{
		{"by name", "beta.example", s, then.Add(day), ""},
		{"by address", "192.0.2.7", s, then.Add(day), ""},
		{"by another name", "gamma", s, then.Add(day), "not gamma"},
		{"too late", "beta", s, then.Add(31 * day), "expired"},
		{"another authority", "beta", other, then.Add(day), "unknown authority"},
		{"a clock that is behind", "beta", s, then.Add(-30 * time.Minute), ""},
		{"a clock that is far behind", "beta", s, then.Add(-2 * time.Hour), "not yet valid"},
	} {
		client := "alpha"
		if tt.client == other {
			client = "beta"
		}
		err := shake(t, tt.reached, tt.now, [3]string{at(s, "beta", "ca-cert.pem"), at(s, "beta", "server-cert.pem"), at(s, "beta", "server-key.pem")},
			[3]string{at(tt.client, client, "ca-cert.pem"), at(tt.client, client, "client-cert.pem"), at(tt.client, client, "client-key.pem")})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// shake has two ends connect; files are the authority's certificate, its own, and its key.
func shake(t *testing.T, name string, now time.Time, server, client [3]string) error {
	t.Helper()
	config := func(files [3]string) *tls.Config {
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		pair, err := tls.LoadX509KeyPair(files[1], files[2])
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{RootCAs: pool, ClientCAs: pool, Certificates: []tls.Certificate{pair}, ServerName: name,
			ClientAuth: tls.RequireAndVerifyClientCert, Time: func() time.Time { return now }}
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(a, config(server)).HandshakeContext(t.Context()); a.Close() }()
	err := tls.Client(b, config(client)).HandshakeContext(t.Context())
	b.Close()
	return errors.Join(err, <-done)
}

// TestModes: no key can be read by others, not even while it is written, and a host's tree is as libvirt and QEMU want it.
func TestModes(t *testing.T) {
	s := store(t)
	if err := s.Share(User); err != nil {
		t.Fatal(err)
	}
	issue(t, s, "alpha", day)
	if err := s.IssueClient("ann", then, day); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(s.Dir, path)
		if !d.IsDir() || strings.HasSuffix(name, "private") || name == "." {
			got = append(got, info.Mode().Perm().String()+" "+name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`
-rwx------ . -rw-r--r-- ca-cert.pem -rw------- ca-key.pem
-rw-r--r-- clients/ann/cacert.pem -rw-r--r-- clients/ann/clientcert.pem -rw------- clients/ann/clientkey.pem
-rw-r--r-- hosts/alpha/etc/pki/CA/cacert.pem
-rw-r--r-- hosts/alpha/etc/pki/libvirt/clientcert.pem -rwx------ hosts/alpha/etc/pki/libvirt/private
-rw------- hosts/alpha/etc/pki/libvirt/private/clientkey.pem -rw------- hosts/alpha/etc/pki/libvirt/private/serverkey.pem
-rw-r--r-- hosts/alpha/etc/pki/libvirt/servercert.pem
-rw-r--r-- hosts/alpha/etc/pki/qemu/ca-cert.pem -rw-r--r-- hosts/alpha/etc/pki/qemu/client-cert.pem
-rw------- hosts/alpha/etc/pki/qemu/client-key.pem -rw-r--r-- hosts/alpha/etc/pki/qemu/dh-params.pem
-rw------- hosts/alpha/etc/pki/qemu/keys.psk
-rw-r--r-- hosts/alpha/etc/pki/qemu/server-cert.pem -rw------- hosts/alpha/etc/pki/qemu/server-key.pem
-rw------- keys.psk`)
	if have := strings.Fields(strings.Join(got, " ")); !slices.Equal(have, want) {
		t.Errorf("files are\n%s\nwant\n%s", strings.Join(have, " "), strings.Join(want, " "))
	}
}

func TestInitTwice(t *testing.T) {
	s := store(t)
	if _, err := s.Init("again", then, day); !errors.Is(err, ErrExists) {
		t.Errorf("a second authority: %v", err)
	}
}

// TestRenew: what expires soon is made anew with the same names, and the authority keeps its key, so that a host that has
// not been given the new certificates yet is still trusted.
func TestRenew(t *testing.T) {
	s := store(t)
	issue(t, s, "alpha", 10*day)
	issue(t, s, "beta", 200*day)
	changed, err := s.Renew(Renewal{Before: 30 * day, Valid: 300 * day, AuthorityToo: 1000 * day}, then.Add(day))
	if err != nil || !slices.Equal(changed, []string{s.Host("alpha")}) {
		t.Errorf("renewed %s, %v; want alpha alone", changed, err)
	}
	if err := shakeAll(t, s, then.Add(100*day)); err != nil {
		t.Error(err)
	}
	old, err := s.Authority()
	if err != nil {
		t.Fatal(err)
	}
	late := then.Add(990 * day)
	if _, err := s.Renew(Renewal{Before: 30 * day, Valid: 300 * day}, late); err != nil {
		t.Fatal(err)
	}
	if got := expires(t, s, "beta"); got.After(old.Cert().NotAfter) {
		t.Errorf("a certificate that is valid until %s outlives its authority", got)
	}
	changed, err = s.Renew(Renewal{Before: 30 * day, Valid: 300 * day, AuthorityToo: 2000 * day}, late)
	if err != nil || len(changed) != 3 {
		t.Errorf("with the authority %s were renewed, %v; want all", changed, err)
	}
	if err := shakeAll(t, s, late.Add(200*day)); err != nil {
		t.Error(err)
	}
	a, err := s.Authority()
	if err != nil || !a.key.Equal(old.key) {
		t.Errorf("the authority has another key: %v", err)
	}
	if _, err := s.Renew(Renewal{Names: []string{"gamma"}}, late); err == nil || !strings.Contains(err.Error(), "walm pki issue") {
		t.Errorf("an unknown host: %v", err)
	}
}

func expires(t *testing.T, s Store, host string) time.Time {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Host(host), ofQEMU, "server-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Certificates(text)
	if err != nil {
		t.Fatal(err)
	}
	return all[0].NotAfter
}

func shakeAll(t *testing.T, s Store, now time.Time) error {
	at := func(host, name string) string { return filepath.Join(s.Host(host), ofQEMU, name) }
	return shake(t, "alpha.example", now, [3]string{at("alpha", "ca-cert.pem"), at("alpha", "server-cert.pem"), at("alpha", "server-key.pem")},
		[3]string{at("beta", "ca-cert.pem"), at("beta", "client-cert.pem"), at("beta", "client-key.pem")})
}

// TestShow: what is wrong with files is said, and no key.
func TestShow(t *testing.T) {
	s := store(t)
	if err := s.Share(User); err != nil {
		t.Fatal(err)
	}
	issue(t, s, "alpha", 10*day)
	dir := s.Host("alpha")
	show := func(dir string, now time.Time) map[string]Entry {
		t.Helper()
		all, err := Show(dir, now, 5*day)
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]Entry{}
		for _, e := range all {
			name, _ := filepath.Rel(dir, e.Path)
			by[name] = e
		}
		return by
	}
	all := show(dir, then)
	if e := all["etc/pki/qemu/server-cert.pem"]; e.Kind != "server" || e.Subject != "CN=alpha" || len(e.Names) != 3 || len(e.Wrong) > 0 {
		t.Errorf("the server's certificate is %+v", e)
	}
	if e := all["etc/pki/qemu/keys.psk"]; !slices.Equal(e.Users, []string{User}) || len(e.Wrong) > 0 {
		t.Errorf("the shared keys are %+v", e)
	}
	for name, e := range all {
		if len(e.Wrong) > 0 {
			t.Errorf("%s: %q", name, e.Wrong)
		}
	}
	wrong := func(words string, all map[string]Entry, name string) {
		t.Helper()
		if !strings.Contains(strings.Join(all[name].Wrong, " "), words) {
			t.Errorf("%s: %q, want %q", name, all[name].Wrong, words)
		}
	}
	wrong("expires soon", show(dir, then.Add(6*day)), "etc/pki/libvirt/servercert.pem")
	wrong("has expired", show(dir, then.Add(11*day)), "etc/pki/libvirt/servercert.pem")
	wrong("not valid before", show(dir, then.Add(-day)), "etc/pki/libvirt/servercert.pem")
	if err := os.Chmod(filepath.Join(dir, "etc/pki/qemu/client-key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong("chmod 600", show(dir, then), "etc/pki/qemu/client-key.pem")
	key, err := os.ReadFile(filepath.Join(dir, "etc/pki/qemu/client-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("etc/pki/libvirt/private/serverkey.pem", key)
	put("etc/pki/qemu/ca-cert.pem", []byte("nothing"))
	put("etc/pki/qemu/keys.psk", []byte("qemu:secretsecret\n"))
	all = show(dir, then)
	wrong("not the key of", all, "etc/pki/libvirt/private/serverkey.pem")
	wrong("no certificate", all, "etc/pki/qemu/ca-cert.pem")
	wrong("line 1", all, "etc/pki/qemu/keys.psk")
	if strings.Contains(strings.Join(all["etc/pki/qemu/keys.psk"].Wrong, ""), "secret") {
		t.Error("a key is shown")
	}
	issue(t, s, "beta", 10*day)
	other := store(t)
	text, err := os.ReadFile(filepath.Join(other.Dir, "ca-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(s.Host("beta"), ofQEMU)
	put("ca-cert.pem", text)
	wrong("no authority in this folder", show(dir, then), "server-cert.pem")
}

// TestGroup: the prime is one, and a safe one at that, of the right length.
func TestGroup(t *testing.T) {
	p, ok := new(big.Int).SetString(ffdhe2048, 16)
	half := new(big.Int).Rsh(p, 1)
	if !ok || p.BitLen() != 2048 || !p.ProbablyPrime(4) || !half.ProbablyPrime(4) {
		t.Error("ffdhe2048 is not the prime of RFC 7919")
	}
}

func TestRefused(t *testing.T) {
	s := store(t)
	for _, name := range []string{"", "../alpha", "a/b", ".hidden", "with space", strings.Repeat("x", 65)} {
		if err := s.IssueHost(name, []string{"a"}, nil, "", then, day); err == nil {
			t.Errorf("a host called %q", name)
		}
		if err := s.IssueClient(name, then, day); err == nil {
			t.Errorf("a client called %q", name)
		}
	}
	if err := s.IssueHost("alpha", nil, nil, "", then, day); err == nil || !strings.Contains(err.Error(), "reached") {
		t.Errorf("a server without a name: %v", err)
	}
	if err := s.IssueHost("alpha", []string{"a"}, nil, "", then.Add(2000*day), day); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("from an authority that has expired: %v", err)
	}
	if err := s.IssueHost("alpha", []string{"a"}, nil, "no-such-group", then, day); err == nil || !strings.Contains(err.Error(), "group") {
		t.Errorf("for an unknown group: %v", err)
	}
	for _, user := range []string{"", "a:b", "a b", "a\nb"} {
		if err := s.Share(user); err == nil {
			t.Errorf("a shared key of %q", user)
		}
	}
}

func FuzzPSKUsers(f *testing.F) {
	f.Add([]byte("qemu:00ff\n# a comment\n\nother:aa"))
	f.Add([]byte("qemu"))
	f.Fuzz(func(t *testing.T, text []byte) {
		users, err := PSKUsers(text)
		for _, u := range users {
			if u == "" || strings.Contains(u, ":") {
				t.Errorf("user %q", u)
			}
		}
		if err != nil && len(text) > 60 && strings.Contains(err.Error(), string(text)) {
			t.Error("the file is quoted")
		}
	})
}

func FuzzCertificates(f *testing.F) {
	a, err := NewAuthority("acme", then, day)
	if err != nil {
		f.Fatal(err)
	}
	p, err := a.Pair()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Cert)
	f.Add(append(slices.Clone(p.Key), p.Cert...))
	f.Fuzz(func(t *testing.T, text []byte) {
		e := Entry{Path: "x.pem"}
		e.read("x.pem", text, then, day)
		if e.Kind == "" {
			t.Error("a file of no kind")
		}
		if all, err := Certificates(text); err == nil && len(all) == 0 {
			t.Error("no certificate and no error")
		}
	})
}
