package rpc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/libvirt/rpc"
)

func TestParseURI(t *testing.T) {
	for _, test := range []struct {
		uri  string
		want rpc.URI
	}{
		{"qemu:///system", rpc.URI{Driver: "qemu", Transport: rpc.OverUNIX, Path: "/system"}},
		{"qemu:///session", rpc.URI{Driver: "qemu", Transport: rpc.OverUNIX, Path: "/session"}},
		{"qemu+unix:///system?socket=/a%20b/c&mode=direct",
			rpc.URI{Driver: "qemu", Transport: rpc.OverUNIX, Path: "/system", Socket: "/a b/c", Mode: "direct"}},
		{"qemu://beta/system", rpc.URI{Driver: "qemu", Transport: rpc.OverTLS, Host: "beta", Path: "/system"}},
		{"qemu+tls://beta:99/system?pkipath=/p+q&no_verify=1",
			rpc.URI{Driver: "qemu", Transport: rpc.OverTLS, Host: "beta", Port: 99, Path: "/system", PKIPath: "/p+q", NoVerify: true}},
		{"qemu+tcp://[fd00::1]/system", rpc.URI{Driver: "qemu", Transport: rpc.OverTCP, Host: "fd00::1", Path: "/system"}},
		{"qemu+ssh://root@beta:2222/system?keyfile=/k&known_hosts=/h&no_tty=1&netcat=ncat&command=/bin/ssh&proxy=netcat&sshauth=agent",
			rpc.URI{Driver: "qemu", Transport: rpc.OverSSH, User: "root", Host: "beta", Port: 2222, Path: "/system", KeyFile: "/k",
				KnownHosts: "/h", NoTTY: true, Netcat: "ncat", Command: "/bin/ssh", Proxy: "netcat"}},
		{"test:///default", rpc.URI{Driver: "test", Transport: rpc.OverUNIX, Path: "/default"}},
		{"test+unix:///default?name=test:///x.xml", rpc.URI{Driver: "test", Transport: rpc.OverUNIX, Path: "/default", Name: "test:///x.xml"}},
	} {
		got, err := rpc.ParseURI(test.uri)
		if err != nil {
			t.Errorf("%s: %v", test.uri, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.uri, diff)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"":                                   "no URI",
		"system":                             "no URI",
		"qemu:system":                        "no URI",
		"beta:16509":                         "no URI",
		"qemu:///":                           "give /system",
		"qemu+ssh://beta":                    "give /system",
		"qemu+ssh://beta/sytem":              "give /system",
		"xen:///system":                      "driver is qemu",
		"test:///":                           "test:///default",
		"qemu+ssh:///system":                 "needs a host",
		"qemu+unix://beta/system":            "qemu+ssh://beta/system",
		"qemu+libssh2://beta/system":         "qemu+ssh",
		"qemu+carrier-pigeon://beta/system":  "none of unix",
		"qemu+ext:///system":                 "?command=",
		"qemu+tcp://beta:0/system":           "port 0",
		"qemu+tcp://beta:70000/system":       "port 70000",
		"qemu+tcp://beta:x/system":           "invalid port",
		"qemu+ssh://root:secret@b/system":    "leave it out",
		"qemu+ssh://-oProxyCommand=x/system": "dash",
		"qemu+ssh://-l@b/system":             "dash",
		"qemu:///system?sokcet=/x":           "sokcet",
		"qemu:///system?mode=fast":           "mode=fast",
		"qemu:///system?no_verify=yes":       "0 or 1",
		"qemu+ssh://b/system?proxy=x":        "proxy=x",
		"qemu:///system?socket=%zz":          "invalid URL escape",
	} {
		if _, err := rpc.ParseURI(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that says %q", uri, err, want)
		}
	}
}

// What is accepted can be reached in exactly one way, and never carries an option into ssh.
func FuzzParseURI(f *testing.F) {
	for _, uri := range []string{"qemu:///system", "qemu+ssh://root@b:22/system?keyfile=/k&no_tty=1", "qemu://[::1]:1/session?mode=auto",
		"test:///default", "qemu+ext:///system?command=/x;netcat=%20"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		u, err := rpc.ParseURI(uri)
		if err != nil {
			return
		}
		if (u.Host == "") != (u.Transport == rpc.OverUNIX || u.Transport == rpc.OverExt) && u.Transport != rpc.OverExt {
			t.Errorf("%q: transport %s with host %q", uri, u.Transport, u.Host)
		}
		if strings.HasPrefix(u.Host, "-") || strings.HasPrefix(u.User, "-") {
			t.Errorf("%q: host %q, user %q", uri, u.Host, u.User)
		}
		if !strings.Contains(u.Opens(), "://") && u.Name == "" {
			t.Errorf("%q opens %q", uri, u.Opens())
		}
	})
}
