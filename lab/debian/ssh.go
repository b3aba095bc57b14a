package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SSH is an OpenSSH server with its libraries in the cache, to be bound into the root of a host.
type SSH struct{ Root string }

// Libraries are the folders of its libraries once its root is bound at dir.
func (s SSH) Libraries(dir string) string {
	return filepath.Join(dir, "usr/lib", triplet) + ":" + filepath.Join(dir, "lib", triplet)
}

// SSH fetches the server when the cache lacks it.
func (c Cache) SSH(ctx context.Context, progress func(string)) (SSH, error) {
	err := c.fetch(ctx, bundle{
		name: "ssh", suite: Bookworm, target: []string{"openssh-server"}, keep: sshNeeds,
		trim: func(root string) error {
			return remove(root, []string{"usr/share", "etc", "var", "lib/systemd", "usr/lib/systemd"})
		},
		check: checkSSH,
	}, progress)
	if err != nil {
		return SSH{}, fmt.Errorf("fetch an SSH server: %w", err)
	}
	root, _, ok := c.find("ssh")
	if !ok {
		return SSH{}, fmt.Errorf("the SSH server has vanished from %s: something removed it; try again", c.Dir)
	}
	return SSH{root}, nil
}

// sshNeeds leaves out what the root that the server is bound into has, and what installs it.
func sshNeeds(name string) bool {
	for _, not := range []string{"libc6", "perl", "libperl", "passwd", "adduser", "systemd", "debconf", "dpkg", "ucf", "procps", "init-system",
		"openssh-client", "openssh-sftp", "runit", "libpam-modules", "libpam-runtime", "lsb-base", "sysvinit"} {
		if strings.HasPrefix(name, not) {
			return false
		}
	}
	return true
}

func checkSSH(ctx context.Context, root string) (string, error) {
	server := filepath.Join(root, "usr/sbin/sshd")
	if _, err := os.Stat(server); err != nil {
		return "", err
	}
	// It knows no option that tells its version: an unknown one has it say so, and fail.
	_, err := runQEMU(ctx, QEMU{Binary: server, Env: []string{"LD_LIBRARY_PATH=" + SSH{}.Libraries(root)}}, "-?")
	if err == nil {
		return "", fmt.Errorf("%s says nothing of itself", server)
	}
	for word := range strings.FieldsSeq(err.Error()) {
		if version, ok := strings.CutPrefix(word, "OpenSSH_"); ok {
			return strings.TrimSuffix(version, ","), nil
		}
	}
	return "", err
}
