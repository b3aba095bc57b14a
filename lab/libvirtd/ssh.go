package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"walm/lab/debian"
	"walm/lab/netlab"
)

// sshPort is where a host's SSH server listens.
const sshPort = 2222

// serveSSH is run where the host's daemon lives: the server is bound into the host's root, with an account to shed rights to.
const serveSSH = `mkdir -p "$2/lab/ssh"
mount --bind "$3" "$2/lab/ssh"
mount --bind "$1/run/walm/passwd" "$2/etc/passwd"
export LD_LIBRARY_PATH="$4"
exec chroot "$2" /lab/ssh/usr/sbin/sshd -D -e -f /run/walm/sshd_config
`

// SSH is how this machine reaches the hosts over SSH.
type SSH struct {
	Config  string // as a user's ~/.ssh/config: hosts alpha and beta, their ports, keys and what is known of them
	Command string // ssh with that configuration, from the network of the client
}

// ServeSSH starts an SSH server on both hosts, with keys of their own that exist nowhere else.
func (l *Lab) ServeSSH(ctx context.Context, step func(string)) (SSH, error) {
	cache, err := debian.DefaultCache()
	if err != nil {
		return SSH{}, err
	}
	server, err := cache.SSH(ctx, step)
	if err != nil {
		return SSH{}, err
	}
	dir := filepath.Join(l.dir(), "ssh-client")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return SSH{}, err
	}
	s := SSH{Config: filepath.Join(dir, "config"), Command: filepath.Join(dir, "ssh")}
	key := filepath.Join(dir, "id")
	if err := keygen(ctx, key); err != nil {
		return SSH{}, err
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return SSH{}, err
	}
	known, config := "", ""
	for side, name := range map[netlab.Side]string{netlab.A: "alpha", netlab.B: "beta"} {
		h := l.hosts[side]
		host, err := h.serveSSH(ctx, server, public)
		if err != nil {
			return SSH{}, fmt.Errorf("start an SSH server on host %s: %w", side, err)
		}
		known += fmt.Sprintf("[%s]:%d %s", h.addr, sshPort, host)
		config += fmt.Sprintf("Host %s\n HostName %s\n Port %d\n User root\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n"+
			" GlobalKnownHostsFile none\n StrictHostKeyChecking yes\n", name, h.addr, sshPort, key, filepath.Join(dir, "known"))
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/run/netns/%s ssh -F %s \"$@\"\n", l.net.Client().Namespace, s.Config)
	return s, errors.Join(os.WriteFile(s.Config, []byte(config), 0o600), os.WriteFile(filepath.Join(dir, "known"), []byte(known), 0o600),
		os.WriteFile(s.Command, []byte(wrapper), 0o700))
}

func keygen(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "walm-lab", "-f", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make an SSH key: %w: %s", err, out)
	}
	return nil
}

// serveSSH starts the host's server, which lets the owner of a key in, and returns the host's public key.
func (h *Host) serveSSH(ctx context.Context, server debian.SSH, client []byte) (public []byte, err error) {
	run := filepath.Join(h.dir, "run/walm")
	if err := errors.Join(os.MkdirAll(filepath.Join(h.dir, "run/sshd"), 0o755), keygen(ctx, filepath.Join(run, "ssh_host_key"))); err != nil {
		return nil, err
	}
	accounts, err := os.ReadFile(filepath.Join(h.root, "etc/passwd"))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{
		"passwd":          append(accounts, "sshd:x:64000:64000::/run/sshd:/bin/false\n"...),
		"authorized_keys": client,
		"sshd_config": fmt.Appendf(nil, "Port %d\nListenAddress %s\nHostKey /run/walm/ssh_host_key\nAuthorizedKeysFile /run/walm/authorized_keys\n"+
			"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile /run/walm/sshd.pid\n", sshPort, h.addr),
	} {
		if err := os.WriteFile(filepath.Join(run, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(filepath.Join(run, "passwd"), 0o644); err != nil {
		return nil, err
	}
	if public, err = os.ReadFile(filepath.Join(run, "ssh_host_key.pub")); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(h.dir, "log/sshd"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(h.pids("daemon.pid")[0]), "-m", "-n", "-u", "--", "/bin/sh", "-eu", "-c", serveSSH, "sh",
		h.dir, h.root, server.Root, server.Libraries("/lab/ssh"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its status says nothing that its log does not
		close(ended)
	}()
	for {
		err := netlab.Do(h.namespace, func() error {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(h.addr, strconv.Itoa(sshPort)), time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err == nil {
			return public, nil
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("it ended at once: %s", text)
		case <-ctx.Done():
			return nil, fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
