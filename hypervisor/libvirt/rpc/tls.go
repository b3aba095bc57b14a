package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// material are the files of TLS.
type material struct{ ca, cert, key string }

// materials are where the files may be: in the folder that was named, or else in the user's own and the host's.
func (u URI) materials() []material {
	flat := func(dir string) material {
		return material{filepath.Join(dir, "cacert.pem"), filepath.Join(dir, "clientcert.pem"), filepath.Join(dir, "clientkey.pem")}
	}
	if u.PKIPath != "" {
		return []material{flat(u.PKIPath)}
	}
	host := material{"/etc/pki/CA/cacert.pem", "/etc/pki/libvirt/clientcert.pem", "/etc/pki/libvirt/private/clientkey.pem"}
	home, err := os.UserHomeDir()
	if err != nil {
		return []material{host}
	}
	return []material{flat(filepath.Join(home, ".pki", "libvirt")), host}
}

// config is the client's side of TLS. Of the places where files may be, each of the authority's certificate and the
// client's pair is taken from the first that has it, as libvirt does.
func (u URI) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: u.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: u.NoVerify}
	places := u.materials()
	var looked []string
	for _, m := range places {
		pem, err := os.ReadFile(m.ca)
		if errors.Is(err, fs.ErrNotExist) {
			looked = append(looked, m.ca)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the authority's certificate: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", m.ca)
		}
		break
	}
	if c.RootCAs == nil && !u.NoVerify {
		return nil, fmt.Errorf("no certificate of the authority that signed the host's (looked for %s): copy it there, or name its folder with ?pkipath=DIR", strings.Join(looked, " and "))
	}
	for _, m := range places {
		if _, err := os.Stat(m.cert); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		pair, err := tls.LoadX509KeyPair(m.cert, m.key)
		if err != nil {
			return nil, fmt.Errorf("the client's certificate %s with its key %s: %w", m.cert, m.key, err)
		}
		// Sent even where the host names other authorities: its refusal says more than that none came.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		break
	}
	return c, nil
}

// connectTLS also waits for the byte by which a daemon says, after the handshake, that it takes the client's certificate:
// with TLS 1.3 the handshake is over before it has looked.
func (u URI) connectTLS(ctx context.Context) (net.Conn, error) {
	config, err := u.config()
	if err != nil {
		return nil, err
	}
	raw, err := u.connectTCP(ctx)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, u.distrust(err, config)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetReadDeadline(time.Unix(1, 0)) })
	var accepted [1]byte
	n, err := conn.Read(accepted[:])
	if !stop() {
		err = ctx.Err()
	}
	switch {
	case n == 1 && accepted[0] == 1 && err == nil:
		return conn, nil
	case ctx.Err() != nil:
		err = u.advise(ctx.Err())
	default:
		err = u.refused(err, config)
	}
	raw.Close()
	return nil, err
}

// distrust says why the host's certificate is not believed.
func (u URI) distrust(err error, config *tls.Config) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var alert tls.AlertError
	var garbage tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the certificate of %s was signed by another authority than the one in cacert.pem: "+
			"is this the right host? else copy that authority's certificate here", err, u.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: renew the certificate of %s, or set this machine's clock", err, u.Host)
	case errors.As(err, &name):
		return fmt.Errorf("%w: use a name that the host's certificate was made for, or make it one with %s as a subject alternative name", err, u.Host)
	case errors.As(err, &garbage):
		return fmt.Errorf("%w: what listens at %s does not speak TLS; is this the port of qemu+tcp?", err, u.address())
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error":
		return u.refused(err, config)
	}
	return fmt.Errorf("TLS with %s: %w", u.address(), err)
}

// refused says why the host may not have taken the client's certificate.
func (u URI) refused(err error, config *tls.Config) error {
	if err == nil {
		err = errors.New("it answered with something else than that it does")
	}
	if config.GetClientCertificate == nil {
		return fmt.Errorf("%s wants a certificate of the client's, and there is none (%s): %w", u.Host, u.materials()[0].cert, err)
	}
	return fmt.Errorf("%s refused the client's certificate: %w: it must be signed by that host's authority, not be expired, "+
		"and match tls_allowed_dn_list in its libvirtd.conf", u.Host, err)
}
