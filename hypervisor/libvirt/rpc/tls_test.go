package rpc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// sign makes a pair for a name or address that is valid until then, as PEM.
func (a *authority) sign(t *testing.T, name string, until time.Time) (cert, key []byte) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// folder is a client's material: the authority that it trusts, and its own pair unless by is nil.
func folder(t *testing.T, trusts, by *authority) string {
	dir := t.TempDir()
	files := map[string][]byte{"cacert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusts.cert.Raw})}
	if by != nil {
		files["clientcert.pem"], files["clientkey.pem"] = by.sign(t, "client", time.Now().Add(time.Hour))
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// accepting is a TLS listener that says after the handshake, as libvirt does, whether it takes the client.
type accepting struct {
	net.Listener
	config *tls.Config
	says   []byte
}

func (a accepting) Accept() (net.Conn, error) {
	for {
		raw, err := a.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := tls.Server(raw, a.config)
		if conn.Handshake() != nil {
			conn.Close()
			continue
		}
		if len(a.says) == 0 || a.says[0] != 1 {
			_, _ = conn.Write(a.says)
			conn.Close()
			continue
		}
		if _, err := conn.Write(a.says); err != nil {
			conn.Close()
			continue
		}
		return conn, nil
	}
}

// server starts a fake daemon behind TLS and gives its URI but for the parameters.
func server(t *testing.T, a *authority, name string, until time.Time, says string) string {
	t.Helper()
	cert, key := a.sign(t, name, until)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	s := rpctest.Serve(accepting{l, config, []byte(says)}, rpctest.Host{Name: "beta"})
	t.Cleanup(s.Close)
	return "qemu+tls://" + l.Addr().String() + "/system?pkipath="
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	good := folder(t, ours, ours)
	hour := time.Now().Add(time.Hour)
	uri := server(t, ours, "127.0.0.1", hour, "\x01")
	c, err := rpc.Dial(t.Context(), uri+good)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := c.Hostname(t.Context()); name != "beta" {
		t.Errorf("%q, %v", name, err)
	}
	c.Close()

	fails(t, uri+folder(t, theirs, ours), "signed by another authority", "right host")
	fails(t, uri+folder(t, ours, theirs), "refused the client's certificate")
	fails(t, uri+folder(t, ours, nil), "wants a certificate of the client's", "clientcert.pem")
	fails(t, uri+t.TempDir(), "no certificate of the authority", "?pkipath=DIR")
	fails(t, server(t, ours, "127.0.0.1", time.Now().Add(-time.Hour), "\x01")+good, "expired", "renew")
	other := server(t, ours, "gamma", hour, "\x01") + good
	fails(t, other, "127.0.0.1", "subject alternative name")
	if c, err = rpc.Dial(t.Context(), other+"&no_verify=1"); err != nil {
		t.Errorf("unverified: %v", err)
	} else {
		c.Close()
	}
	fails(t, server(t, ours, "127.0.0.1", hour, "\x00")+good, "refused the client's certificate", "tls_allowed_dn_list")
	fails(t, server(t, ours, "127.0.0.1", hour, "")+good, "refused the client's certificate", "tls_allowed_dn_list")
	torn := folder(t, ours, ours)
	if err := os.WriteFile(filepath.Join(torn, "clientkey.pem"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, uri+torn, "clientkey.pem")
	if err := os.WriteFile(filepath.Join(torn, "cacert.pem"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, uri+torn, "cacert.pem holds no certificate")
}

// TLS that comes to the port of plain TCP, and a daemon that takes the connection and says nothing.
func TestTLSElsewhere(t *testing.T) {
	ours := newAuthority(t, "ours")
	dir := folder(t, ours, ours)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		conn.Close()
	}()
	fails(t, "qemu+tls://"+l.Addr().String()+"/system?pkipath="+dir, "does not speak TLS")
}
