package rpc_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// script writes a program that stands in for ssh, and gives its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fake-ssh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// The command that ssh is given runs in a shell of that host. Here that shell is this host's, netcat is a program that is
// the client once more, and its host is reached through the URI that the user typed.
func TestSSH(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "it's a socket")
	s, err := rpctest.Listen(socket, rpctest.Host{Name: "beta"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WALM_TEST_NETCAT", "1")
	args := filepath.Join(dir, "args")
	ssh := script(t, `printf '%s\n' "$@" > `+args+`
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
`)
	uri := "qemu+ssh://joe@beta:2222/system?" + url.Values{"command": {ssh}, "netcat": {self}, "socket": {socket}, "keyfile": {"/k"},
		"known_hosts": {"/h"}, "no_tty": {"1"}, "no_verify": {"1"}}.Encode()
	c, err := rpc.Dial(t.Context(), "qemu+ssh"+strings.ReplaceAll(uri[len("qemu+ssh"):], "+", "%20"))
	if err != nil {
		t.Fatal(err)
	}
	if name, err := c.Hostname(t.Context()); err != nil || name != "beta" {
		t.Errorf("host name %q, %v", name, err)
	}
	c.Close()
	got, err := os.ReadFile(args)
	if err != nil {
		t.Fatal(err)
	}
	want := "-p 2222 -l joe -i /k -o UserKnownHostsFile=/h -o BatchMode=yes -o StrictHostKeyChecking=no -T -e none -- beta sh -c"
	if !strings.HasPrefix(strings.ReplaceAll(string(got), "\n", " "), want) {
		t.Errorf("ssh was given\n%s\nwant\n%s", got, want)
	}
}

// libvirt's helper is taken where there is one.
func TestSSHHelper(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	s, err := rpctest.Listen(socket, rpctest.Host{Name: "beta"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WALM_TEST_NETCAT", "1")
	helper := filepath.Join(dir, "virt-ssh-helper")
	text := "#!/bin/sh\ntest \"$*\" = qemu:///system || exit 7\nexec '" + self + "' -U '" + socket + "'\n"
	if err := os.WriteFile(helper, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	ssh := script(t, "while [ \"$1\" != -- ]; do shift; done\nshift 2\nexec sh -c \"$*\"\n")
	c, err := rpc.Dial(t.Context(), "qemu+ssh://beta/system?command="+ssh)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A broken ssh's own words are part of the error.
func TestSSHFails(t *testing.T) {
	for said, want := range map[string]string{
		"Host key verification failed.":                         "look at the key",
		"joe@beta: Permission denied (publickey,password).":     "?keyfile=",
		"ssh: Could not resolve hostname beta: Name unknown":    "name right",
		"ssh: connect to host beta port 22: No route to host":   "No route to host",
		"sh: 1: nc: not found":                                  "netcat",
		"nc: /run/libvirt/libvirt-sock: No such file":           "group libvirt",
		"ssh: connect to host beta port 22: Connection refused": "SSH server",
	} {
		ssh := script(t, "echo '"+said+"' >&2\nexit 255\n")
		_, err := rpc.Dial(t.Context(), "qemu+ssh://beta/system?command="+ssh)
		if err == nil || !strings.Contains(err.Error(), said) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "exit status 255") {
			t.Errorf("%s: %v", said, err)
		}
	}
	_, err := rpc.Dial(t.Context(), "qemu+ssh://beta/system?command=/nonexistent/ssh")
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/ssh") {
		t.Errorf("no ssh: %v", err)
	}
	_, err = rpc.Dial(t.Context(), "qemu+ssh://beta/system?command="+script(t, "exit 0\n"))
	if err == nil || !strings.Contains(err.Error(), "said nothing") {
		t.Errorf("an ssh that says nothing: %v", err)
	}
}
