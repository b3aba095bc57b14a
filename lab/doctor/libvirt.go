package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"walm/lab/debian"
)

// libvirts says whether the lab can have hosts with a libvirt each: their roots are to be fetched, and mounted on.
func libvirts(ctx context.Context, o Options) []Finding {
	var fetched, lacking []string
	for _, x := range []struct {
		suite debian.Suite
		name  string
	}{{debian.Bookworm, "9.0"}, {debian.Backports, "11.3"}} {
		if l, ok := o.Cache.HaveLibvirt(x.suite); ok {
			fetched = append(fetched, l.Version)
		} else {
			lacking = append(lacking, x.name)
		}
	}
	return []Finding{libvirtFinding(fetched, lacking, private(ctx))}
}

// private tries what a libvirt host of the lab does before its daemon starts: a host name and mounts of its own.
func private(ctx context.Context) error {
	for _, program := range []string{"hostname", "mount", "chroot", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-eu", "-c", "hostname walm-doctor\nmount -t tmpfs walm /tmp\nexec chroot / /bin/true\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// libvirtFinding stands against nothing: the lab without libvirt needs none of it.
func libvirtFinding(fetched, lacking []string, failed error) Finding {
	f := Finding{Name: "libvirt hosts", Level: OK, What: "a host name and mounts of their own were made and removed"}
	if len(fetched) > 0 {
		f.What += "; libvirt " + strings.Join(fetched, " and ") + " is fetched"
	}
	switch {
	case failed != nil:
		f.Level, f.What = Note, failed.Error()
		f.Means = "the lab has no hosts with a libvirt; without one it works all the same"
		f.Mend = "run walm as root with CAP_SYS_ADMIN and CAP_SYS_CHROOT, and with hostname, mount, chroot and nsenter in PATH"
	case len(lacking) > 0:
		f.Level, f.What = Note, f.What+"; not fetched yet: libvirt "+strings.Join(lacking, " and ")
		f.Means, f.Mend = "walm demo --libvirt fetches by itself what it needs", "make demo-libvirt does it"
	}
	return f
}
