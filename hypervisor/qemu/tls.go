package qemu

import (
	"context"
	"fmt"
	"net"
	"time"

	"walm/internal/procfs"
	"walm/vm"
)

// TLS says how a migration's streams, memory and disks, are encrypted, and by what their ends know each other.
type TLS struct {
	Kind        TLSKind
	Source      string // folder of the files as the source's QEMU sees it
	Destination string
	Name        string // that the destination's certificate is to have; empty: the host it listens on
	Allow       string // distinguished name that the source's certificate is to have; empty: any of the authority's
	User        string // of the shared key; empty: QEMU's own default
}

// TLSKind is by what two ends know each other.
type TLSKind string

const (
	X509 TLSKind = "x509" // certificates of both, signed by one authority
	PSK  TLSKind = "psk"  // a key that both hold
)

// TLSDir is where the files are unless another folder is named: where libvirt looks for QEMU's, too.
const TLSDir = "/etc/pki/qemu"

// The objects that walm makes. They stay after a move that walm did not live to the end of, and are replaced by the next.
const (
	tlsClient = "walm-tls-client"
	tlsServer = "walm-tls-server"
	tlsAllow  = "walm-tls-allow"
)

// loading is how long a QEMU may take to read its files: one that finds no dh-params.pem beside a server's makes a group of
// its own, for which ten seconds were seen not to be enough on a busy host.
const loading = time.Minute

func (t *TLS) object(side vm.Side) (id string, args map[string]any) {
	id, dir := tlsClient, t.Source
	args = map[string]any{"qom-type": "tls-creds-" + string(t.Kind), "endpoint": "client", "verify-peer": true}
	if side == vm.Destination {
		id, dir, args["endpoint"] = tlsServer, t.Destination, "server"
	}
	if t.Kind == PSK && t.User != "" && side == vm.Source {
		args["username"] = t.User
	}
	args["id"], args["dir"] = id, dir
	return id, args
}

// parameters name the objects to an end. QEMU 7.2 and 10.0 take the same for every channel: multifd's, preempt's.
func (t *TLS) parameters(side vm.Side, listen string) map[string]any {
	if t == nil {
		return nil // what the VM's owner has set stays
	}
	if side == vm.Destination {
		// Always one: a QEMU that had one before cannot be told that there is none, and an empty name refuses everybody.
		return map[string]any{"tls-creds": tlsServer, "tls-authz": tlsAllow}
	}
	return map[string]any{"tls-creds": tlsClient, "tls-hostname": t.name(listen)}
}

// name is what the destination's certificate is checked against.
func (t *TLS) name(listen string) string {
	if t.Name != "" || t.Kind == PSK {
		return t.Name
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	return host
}

// load has a QEMU read its files, which it does at once: what it lacks, or may not read, it says here.
func (t *TLS) load(ctx context.Context, end end) error {
	ctx, cancel := context.WithTimeout(ctx, loading)
	defer cancel()
	unload(ctx, end.VM)
	_, args := t.object(end.side)
	if err := end.conn.Do(ctx, "object-add", args, nil); err != nil {
		return fmt.Errorf("the %s's QEMU cannot use %s in %s: %w", end.side, t.files(end.side), args["dir"], err)
	}
	if end.side == vm.Source {
		return nil
	}
	allow := map[string]any{"qom-type": "authz-list", "id": tlsAllow, "policy": "allow"} // whom the authority has signed
	if t.Allow != "" {
		allow = map[string]any{"qom-type": "authz-simple", "id": tlsAllow, "identity": t.Allow}
	}
	if err := end.conn.Do(ctx, "object-add", allow, nil); err != nil {
		return fmt.Errorf("tell the destination's QEMU whom to take: %w", err)
	}
	return nil
}

func (t *TLS) files(side vm.Side) string {
	switch {
	case t.Kind == PSK:
		return "keys.psk"
	case side == vm.Source:
		return "ca-cert.pem, client-cert.pem and client-key.pem"
	}
	return "ca-cert.pem, server-cert.pem and server-key.pem"
}

// unload removes what load, of this walm or an earlier one, has made; that it is not there is no error.
func unload(ctx context.Context, v *VM) {
	for _, id := range []string{tlsClient, tlsServer, tlsAllow} {
		_ = v.conn.Do(ctx, "object-del", map[string]any{"id": id}, nil)
	}
}

func (p *Pair) unloadBoth(ctx context.Context) error {
	for _, end := range p.ends() {
		if !end.ended() {
			unload(ctx, end.VM)
		}
	}
	return nil
}

// tlsParameters are those that TLS sets.
func tlsParameters() []string { return []string{"tls-creds", "tls-hostname", "tls-authz"} }

// notOurs is a parameter's value from before a move, in which walm's own objects, left over from an earlier one, are not
// named: they will be gone.
func notOurs(x any) any {
	switch x {
	case tlsClient, tlsServer, tlsAllow:
		return ""
	}
	return x
}

// encrypt gives both ends what TLS needs, until the release.
func (p *Pair) encrypt(ctx context.Context) error {
	if p.TLS == nil {
		return nil
	}
	p.undo.Later(p.unloadBoth)
	for _, end := range p.ends() {
		if err := p.TLS.load(ctx, end); err != nil {
			return err
		}
	}
	return nil
}

// checkTLS finds out whether both ends can read their files.
func (p *Pair) checkTLS(ctx context.Context) []Finding {
	if p.TLS == nil {
		return nil
	}
	var all []Finding
	for _, end := range p.ends() {
		if err := p.TLS.load(ctx, end); err != nil {
			all = append(all, Finding{err.Error(), "make them with walm pki init and walm pki issue HOST, and copy each host's to it;" +
				" or name their folder with --tls-dir; or accept a stream that others on the network can read and change with --insecure-stream"})
		}
		unload(ctx, end.VM)
	}
	return all
}

// Encrypted says whether the owner of both QEMUs has set TLS already.
func (p *Pair) Encrypted(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, end := range p.ends() {
		var params struct {
			Creds string `json:"tls-creds"`
		}
		if err := end.conn.Do(ctx, "query-migrate-parameters", nil, &params); err != nil {
			return false, fmt.Errorf("ask the %s for its migration parameters: %w", end.side, err)
		}
		// One of walm's own is left over from a move that it did not live to the end of.
		if params.Creds == "" || params.Creds == tlsClient || params.Creds == tlsServer {
			return false, nil
		}
	}
	return true, nil
}

// Apart says why the stream may leave this machine; empty where it does not.
func (p *Pair) Apart(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return "", err
	}
	// To such an address QEMU connects within its own host: what goes on from there, such as a tunnel, is its owner's.
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return "", nil
	}
	for _, end := range p.ends() {
		here, err := end.here(ctx)
		if err != nil {
			return "", fmt.Errorf("ask the %s for its threads: %w", end.side, err)
		}
		if !here {
			return fmt.Sprintf("the %s's QEMU is no process of this machine", end.side), nil
		}
	}
	return "", nil
}

// here says whether the process at the other end of the socket is the QEMU itself: it has the vCPU's thread. What only leads
// to another host's QEMU, such as ssh, has not.
func (v *VM) here(ctx context.Context) (bool, error) {
	if v.PID() == 0 {
		return false, nil
	}
	c, err := v.cpus(ctx)
	if err != nil {
		return false, err
	}
	threads, err := procfs.Threads(v.PID())
	if err != nil {
		return false, nil // of a container, or gone: not known to be here
	}
	_, ok := threads[c.thread]
	return ok, nil
}

const offlinePlain = "the state file of an offline move is copied as it is, and the stream is to be encrypted"
