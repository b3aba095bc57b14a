package rpc

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Transport is how a daemon is reached.
type Transport string

// Transports. What libvirt calls libssh and libssh2 are other ways to do what OverSSH does.
const (
	OverUNIX Transport = "unix"
	OverTCP  Transport = "tcp"
	OverTLS  Transport = "tls" // with certificates of both ends
	OverSSH  Transport = "ssh" // by the system's ssh, as the user has configured it
	OverExt  Transport = "ext" // a program whose standard input and output are the connection
)

// Ports that daemons listen on.
const (
	portTCP = 16509
	portTLS = 16514
)

// URI says which daemon is meant and how it is reached: driver[+transport]://[user@][host][:port]/path[?parameters].
type URI struct {
	Driver    string // "qemu"
	Transport Transport
	User      string
	Host      string // empty: this one
	Port      int    // 0: the transport's
	Path      string // "/system", "/session"

	Name       string // what the daemon opens, in place of Driver and Path
	Socket     string // path of the daemon's socket, on its host
	Mode       string // "auto", "legacy" (libvirtd's socket), "direct" (virtqemud's)
	PKIPath    string // folder with cacert.pem, clientcert.pem, clientkey.pem
	NoVerify   bool   // trust whoever answers: certificates of TLS, host keys of SSH
	Command    string // in place of ssh, or the program of OverExt
	KeyFile    string
	KnownHosts string
	NoTTY      bool   // SSH asks for no password
	Netcat     string // in place of nc, on the daemon's host
	Proxy      string // how SSH reaches the socket: "auto", "native" (virt-ssh-helper), "netcat"
}

// Opens is what the daemon is asked to open: "qemu:///system".
func (u URI) Opens() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Driver + "://" + u.Path
}

// Local says whether the daemon is on this host, as far as the URI tells.
func (u URI) Local() bool { return u.Transport == OverUNIX }

// address is where a network's daemon listens.
func (u URI) address() string {
	port := u.Port
	switch {
	case port != 0:
	case u.Transport == OverTCP:
		port = portTCP
	default:
		port = portTLS
	}
	return net.JoinHostPort(u.Host, strconv.Itoa(port))
}

// ParseURI reads a URI as libvirt does: without a host the daemon is on this host, behind a UNIX socket; with a host and
// without a transport it is reached over TLS.
func ParseURI(uri string) (URI, error) {
	u, err := parseURI(uri)
	if err != nil {
		return URI{}, fmt.Errorf("libvirt URI %q: %w", withoutPassword(uri), err)
	}
	return u, nil
}

// password is what stands for one in a URI, also in one that cannot be parsed.
var password = regexp.MustCompile(`(//[^/?#@:]*):[^/?#]*@`)

// withoutPassword is a URI as it may be shown.
func withoutPassword(uri string) string { return password.ReplaceAllString(uri, "$1:…@") }

func parseURI(uri string) (URI, error) {
	raw, err := url.Parse(uri)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return URI{}, err
	}
	if raw.Scheme == "" || raw.Opaque != "" {
		return URI{}, errors.New("this is no URI: give one like qemu:///system or qemu+ssh://HOST/system")
	}
	driver, transport, named := strings.Cut(raw.Scheme, "+")
	u := URI{Driver: driver, Transport: Transport(transport), User: raw.User.Username(), Host: raw.Hostname(), Path: raw.Path}
	if port := raw.Port(); port != "" {
		if u.Port, err = strconv.Atoi(port); err != nil || u.Port < 1 || u.Port > 65535 {
			return URI{}, fmt.Errorf("port %s is none", port)
		}
	}
	if _, given := raw.User.Password(); given {
		return URI{}, errors.New("a password in a URI is seen by everybody: leave it out, ssh asks for it")
	}
	switch {
	case !named && u.Host == "":
		u.Transport = OverUNIX
	case !named:
		u.Transport = OverTLS
	}
	if err := u.parameters(raw.RawQuery); err != nil {
		return URI{}, err
	}
	return u, errors.Join(u.checkDriver(), u.checkTransport())
}

// parameters takes what stands behind the question mark. Values stand as they are, with %XX; a plus sign is one.
func (u *URI) parameters(query string) error {
	texts := map[string]*string{"name": &u.Name, "socket": &u.Socket, "mode": &u.Mode, "pkipath": &u.PKIPath,
		"command": &u.Command, "keyfile": &u.KeyFile, "known_hosts": &u.KnownHosts, "netcat": &u.Netcat, "proxy": &u.Proxy}
	truths := map[string]*bool{"no_verify": &u.NoVerify, "no_tty": &u.NoTTY}
	ignored := []string{"sshauth", "known_hosts_verify", "authfile", "no_sanity"} // libvirt's own libraries need them
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		key, value, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(value)
		if err != nil {
			return err
		}
		switch {
		case texts[key] != nil:
			*texts[key] = value
		case truths[key] != nil:
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("parameter %s=%s: give 0 or 1", key, value)
			}
			*truths[key] = n != 0
		case slices.Contains(ignored, key):
		default:
			known := slices.Sorted(maps.Keys(texts))
			known = append(known, slices.Sorted(maps.Keys(truths))...)
			return fmt.Errorf("parameter %q is none that walm knows (%s)", key, strings.Join(known, ", "))
		}
	}
	if u.Mode != "" && !slices.Contains([]string{"auto", "legacy", "direct"}, u.Mode) {
		return fmt.Errorf("parameter mode=%s: give auto, legacy or direct", u.Mode)
	}
	if u.Proxy != "" && !slices.Contains([]string{"auto", "native", "netcat"}, u.Proxy) {
		return fmt.Errorf("parameter proxy=%s: give auto, native or netcat", u.Proxy)
	}
	return nil
}

func (u *URI) checkDriver() error {
	switch {
	case u.Driver == "test": // libvirt's own made-up host
		if u.Path == "" || u.Path == "/" {
			return errors.New("name a made-up host: test:///default or test:///PATH/TO/FILE.xml")
		}
	case u.Driver != "qemu":
		return fmt.Errorf("driver %q: walm moves VMs of QEMU and KVM, whose driver is qemu", u.Driver)
	case u.Path != "/system" && u.Path != "/session" && u.Name == "":
		return fmt.Errorf("path %q: give /system (the host's VMs) or /session (a user's own)", u.Path)
	}
	return nil
}

func (u *URI) checkTransport() error {
	switch u.Transport {
	case OverUNIX:
		if u.Host != "" {
			return fmt.Errorf("a UNIX socket is on this host: use %s+ssh://%s%s for that one", u.Driver, u.Host, u.Path)
		}
	case OverTCP, OverTLS, OverSSH:
		if u.Host == "" {
			return fmt.Errorf("transport %s needs a host: %s+%s://HOST%s", u.Transport, u.Driver, u.Transport, u.Path)
		}
		if strings.HasPrefix(u.Host, "-") || strings.HasPrefix(u.User, "-") {
			return errors.New("a host or user that begins with a dash is none")
		}
	case OverExt:
		if u.Command == "" {
			return errors.New("transport ext needs a program: ?command=PATH")
		}
	case "libssh", "libssh2":
		return fmt.Errorf("transport %s: walm uses the system's ssh: write %s+ssh", u.Transport, u.Driver)
	default:
		return fmt.Errorf("transport %q is none of unix, tcp, tls, ssh, ext", u.Transport)
	}
	return nil
}
