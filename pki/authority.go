package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority signs the certificates of hosts and clients. Its key, and all others, are RSA: libvirt 9.0 refuses elliptic ones,
// since it wants a certificate for key encipherment.
type Authority struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// Pair is a certificate with its key, both in PEM.
type Pair struct{ Cert, Key []byte }

// Use is what a certificate is for.
type Use string

const (
	Server Use = "server" // of a host that migrations, or libvirt's clients, come to
	Client Use = "client" // of a host, or of a person, that connects to one
)

// Request says what a certificate is to hold.
type Request struct {
	Name  string   // the common name
	DNS   []string // by which a server is reached
	IPs   []net.IP
	Use   Use
	Valid time.Duration
}

const (
	keyBits = 2048
	// early is how long before it was made a certificate is valid: hosts' clocks differ.
	early = time.Hour
)

// NewAuthority makes an authority that is valid from now on.
func NewAuthority(name string, now time.Time, valid time.Duration) (*Authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a key for the authority %s: %w", name, err)
	}
	return (&Authority{key: key}).certified(name, now, valid)
}

// Renewed is the same authority for longer. The key stays, so that what it has signed stays trusted.
func (a *Authority) Renewed(now time.Time, valid time.Duration) (*Authority, error) {
	return a.certified(a.cert.Subject.CommonName, now, valid)
}

func (a *Authority) certified(name string, now time.Time, valid time.Duration) (*Authority, error) {
	t, err := template(name, now, valid)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{a.key, cert}, err
}

// ReadAuthority reads what PEM gave.
func ReadAuthority(p Pair) (*Authority, error) {
	all, err := Certificates(p.Cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(p.Key)
	if block == nil {
		return nil, errors.New("the authority's key is not in PEM")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the authority's key: %w", err)
	}
	key, ok := k.(*rsa.PrivateKey)
	switch {
	case !ok:
		return nil, errors.New("the authority's key is not RSA")
	case !all[0].IsCA:
		return nil, fmt.Errorf("%s is no authority", all[0].Subject)
	case !key.PublicKey.Equal(all[0].PublicKey):
		return nil, fmt.Errorf("the key does not belong to the certificate of %s", all[0].Subject)
	}
	return &Authority{key, all[0]}, nil
}

// Pair is the authority in PEM.
func (a *Authority) Pair() (Pair, error) { return encode(a.cert.Raw, a.key) }

// Cert is the authority's certificate.
func (a *Authority) Cert() *x509.Certificate { return a.cert }

// Sign makes a certificate, and a key of its own for it. It does not outlive the authority, whatever was asked for.
func (a *Authority) Sign(r Request, now time.Time) (Pair, error) {
	if r.Use == Server && len(r.DNS)+len(r.IPs) == 0 {
		return Pair{}, fmt.Errorf("a certificate of the server %s needs a name or an address by which it is reached", r.Name)
	}
	t, err := template(r.Name, now, r.Valid)
	if err != nil {
		return Pair{}, err
	}
	if !now.Before(a.cert.NotAfter) {
		return Pair{}, fmt.Errorf("the authority %s has expired on %s: renew it first", a.cert.Subject.CommonName,
			a.cert.NotAfter.Format(time.DateOnly))
	}
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	switch r.Use {
	case Server:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case Client:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	default:
		return Pair{}, fmt.Errorf("a certificate is for a server or a client, not for %q", r.Use)
	}
	t.DNSNames, t.IPAddresses = r.DNS, r.IPs
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key for %s: %w", r.Name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate of %s: %w", r.Name, err)
	}
	return encode(der, key)
}

func template(name string, now time.Time, valid time.Duration) (*x509.Certificate, error) {
	if name == "" || len(name) > 64 { // RFC 5280's bound of a common name
		return nil, fmt.Errorf("%q is no name for a certificate: it needs 1 to 64 characters", name)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-early), NotAfter: now.Add(valid)}, nil
}

func encode(der []byte, key *rsa.PrivateKey) (Pair, error) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})}, nil
}

// Certificates reads the certificates of a file, of which there is at least one.
func Certificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return all, nil
}
