package libvirtd

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs the certificates of both hosts. Keys are RSA: libvirt 9 refuses elliptic ones for key encipherment.
type authority struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

// certify gives each host what libvirt and QEMU expect, under the names and in the folders where they look for it, and
// this machine a client's certificate.
func (l *Lab) certify() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	for _, h := range l.hosts {
		pki := filepath.Join(h.dir, "pki")
		cert, key, err := ca.sign("host-"+string(h.Side), net.ParseIP(h.addr))
		if err != nil {
			return err
		}
		if err := write(pki, map[string][]byte{
			"CA/cacert.pem": ca.pem, "libvirt/servercert.pem": cert, "libvirt/private/serverkey.pem": key,
			"libvirt/clientcert.pem": cert, "libvirt/private/clientkey.pem": key,
			"qemu/ca-cert.pem": ca.pem, "qemu/server-cert.pem": cert, "qemu/server-key.pem": key,
			"qemu/client-cert.pem": cert, "qemu/client-key.pem": key,
		}); err != nil {
			return err
		}
	}
	cert, key, err := ca.sign("walm", nil)
	if err != nil {
		return err
	}
	return write(l.PKI(), map[string][]byte{"cacert.pem": ca.pem, "clientcert.pem": cert, "clientkey.pem": key})
}

// PKI is the folder of this machine's certificates, for a URI's pkipath.
func (l *Lab) PKI() string { return filepath.Join(l.dir(), "pki") }

func write(dir string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

const keyBits = 2048

func newAuthority() (authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return authority{}, err
	}
	t := template("walm's lab")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return authority{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

func (ca authority) sign(name string, ip net.IP) (cert, key []byte, err error) {
	k, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, nil, err
	}
	t := template(name)
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames = []string{name}
	if ip != nil {
		t.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca.cert, &k.PublicKey, ca.key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil
}

func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
}
