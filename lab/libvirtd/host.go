package libvirtd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"walm/lab/netlab"
	"walm/lab/process"
)

// Host is one host: a network namespace, a mount namespace with a root of its own, and a libvirtd in it.
type Host struct {
	Side      netlab.Side
	lab       *Lab
	root      string // of the unpacked system
	dir       string // what is its own: /etc/libvirt, /run, /var/lib/libvirt, logs
	addr      string
	namespace string

	mu    sync.Mutex
	ended chan struct{} // closed when libvirtd is gone
}

// Socket is the path of the daemon's UNIX socket, as seen from this machine.
func (h *Host) Socket() string { return filepath.Join(h.dir, "run/libvirt/libvirt-sock") }

// URI names the host from this machine.
func (h *Host) URI() string { return "qemu+unix:///system?socket=" + h.Socket() }

// PeerURI names the host from the other one.
func (h *Host) PeerURI() string {
	if h.lab.TLS {
		return "qemu+tls://" + h.addr + "/system"
	}
	return "qemu+tcp://" + h.addr + "/system"
}

// Address is the host's on the network that migrations use.
func (h *Host) Address() string { return h.addr }

// Log is what the daemon has written into its log.
func (h *Host) Log() string {
	text, _ := os.ReadFile(filepath.Join(h.dir, "log/libvirtd.log"))
	return string(text)
}

// Monitor is the socket of the domain's QEMU, which its daemon holds as long as it runs: the newest, since a daemon that was
// killed can have left others. Empty where there is none.
func (h *Host) Monitor() (newest string) {
	var last time.Time
	found, _ := filepath.Glob(filepath.Join(h.dir, "lib/qemu/domain-*-"+Domain+"/monitor.sock"))
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(last) {
			newest, last = path, info.ModTime()
		}
	}
	return newest
}

// furnish writes what the daemon is configured by.
func (h *Host) furnish() error {
	for _, d := range []string{"etc", "run/walm", "lib", "log", "pki/qemu"} { // libvirtd does not start without the last
		if err := os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			return err
		}
	}
	// libvirt's own programs look for the daemon there, as on any Debian. The root is every host's, and this the one thing in it
	// that its packages do not bring.
	if err := os.Symlink("/run", filepath.Join(h.root, "var/run")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	n := h.addr[strings.LastIndexByte(h.addr, '.')+1:]
	tls := 0
	if h.lab.TLS {
		tls = 1
	}
	for name, text := range map[string]string{
		// Two daemons of one machine would take each other for themselves: its identity is the machine's by default.
		"etc/libvirtd.conf": fmt.Sprintf(`listen_tls = %d
listen_tcp = 1
listen_addr = %q
auth_tcp = "none"
auth_unix_rw = "none"
host_uuid = "77616c6d-0000-4000-8000-%012s"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`, tls, h.addr, n),
		// Root in a namespace without cgroups, systemd or a virtlogd.
		"etc/qemu.conf": fmt.Sprintf(`user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
migration_address = %q
migration_host = %q
default_tls_x509_cert_dir = "/etc/pki/qemu"
default_tls_x509_verify = 1
`, h.addr, h.addr),
		"hosts": "127.0.0.1 localhost\n10.77.0.1 host-a\n10.77.0.2 host-b\n",
	} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// enter is run by a shell in a mount and a host name of its own, which end with the last process in them.
const enter = `hostname "host-$1"
mount -t proc proc "$2/proc"
mount -t sysfs sysfs "$2/sys"
mount --rbind /dev "$2/dev"
mount --bind "$3/run" "$2/run"
mount --bind "$3/etc" "$2/etc/libvirt"
mount --bind "$3/lib" "$2/var/lib/libvirt"
mount --bind "$4" "$2/var/lib/libvirt/images"
mount --bind "$3/log" "$2/var/log/libvirt"
mount --bind "$3/pki" "$2/etc/pki"
mount --bind "$3/hosts" "$2/etc/hosts"
mount --bind "$3/.." "$2/lab"
export LC_ALL=C
exec chroot "$2" /usr/sbin/libvirtd --listen --pid-file /run/walm/libvirtd.pid
`

// Start starts the daemon, and returns when it answers.
func (h *Host) Start(ctx context.Context) error {
	log, err := os.Create(filepath.Join(h.dir, "log/output"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/bin/sh", "-eu", "-c", enter, "sh", string(h.Side), h.root, h.dir, h.images())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS, Setpgid: true}
	if err := netlab.Do(h.namespace, cmd.Start); err != nil {
		return fmt.Errorf("start libvirtd on host %s: %w", h.Side, err)
	}
	ended := make(chan struct{})
	h.mu.Lock()
	h.ended = ended
	h.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	if err := os.WriteFile(filepath.Join(h.dir, "daemon.pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return err
	}
	for {
		var d net.Dialer
		if c, err := d.DialContext(ctx, "unix", h.Socket()); err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("libvirtd on host %s ended at once: %s %s", h.Side, bytes.TrimSpace(text), h.Log())
		case <-ctx.Done():
			return fmt.Errorf("wait for libvirtd on host %s: %w", h.Side, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the daemon as a crash would; its domains run on.
func (h *Host) Kill() error { return h.kill(h.pids("daemon.pid")) }

// KillDomains ends the QEMUs of the host as a crash would.
func (h *Host) KillDomains() error { return h.kill(h.pids("run/libvirt/qemu/" + Domain + ".pid")) }

// Running are the processes of the host's domains.
func (h *Host) Running() []int {
	return slices.DeleteFunc(h.pids("run/libvirt/qemu/"+Domain+".pid"), func(pid int) bool { return !process.Identify(pid).Alive() })
}

// end is Kill of everything.
func (h *Host) end() error {
	return errors.Join(h.kill(h.pids("run/walm/sshd.pid")), h.Kill(), h.KillDomains())
}

func (h *Host) pids(glob string) (pids []int) {
	files, _ := filepath.Glob(filepath.Join(h.dir, glob))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends processes of the host's own: a number in a file can have been given to another since, on whatever host.
func (h *Host) kill(pids []int) error {
	var all []error
	for _, pid := range pids {
		if p := process.Identify(pid); netlab.Holds(h.namespace, pid) {
			all = append(all, p.End())
		}
	}
	return errors.Join(all...)
}

// Virsh runs the host's own virsh against its daemon, and gives what it prints.
func (h *Host) Virsh(ctx context.Context, args ...string) (string, error) {
	pid := h.pids("daemon.pid")
	if len(pid) == 0 {
		return "", fmt.Errorf("virsh on host %s: its daemon was never started", h.Side)
	}
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(pid[0]), "-m", "-n", "-u", "--", "chroot", h.root,
		"/usr/bin/virsh", "-c", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("virsh %s on host %s: %w: %s", strings.Join(args, " "), h.Side, err, bytes.TrimSpace(out))
	}
	return string(out), nil
}
