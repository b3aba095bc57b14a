package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// tcgPatience is far more than a guest takes on a loaded machine: 2 to 4 s on an idle one.
const tcgPatience = time.Minute

// bootTCG boots a guest in every QEMU.
func bootTCG(ctx context.Context, o Options) []Finding {
	const name = "boot with TCG"
	kernel, ok := o.Cache.HaveKernel()
	all := programs(o.Cache)
	if !ok || len(all) == 0 {
		return []Finding{notFetched(name, RunLab)}
	}
	t, err := newTrier(kernel)
	if err != nil {
		return []Finding{noImage(name, err)}
	}
	defer t.close()
	var found []Finding
	for _, p := range all {
		found = append(found, tcgFinding(p, t.boot(ctx, p, "tcg", "qemu64", tcgPatience)))
	}
	return found
}

// slowBoot is far above the 2 to 4 s of an idle machine.
const slowBoot = 20 * time.Second

func tcgFinding(p program, a attempt) Finding {
	f := Finding{Name: "boot with TCG", Level: OK, What: fmt.Sprintf("%s: the guest is up after %v", p, round(a.after))}
	switch {
	case a.err != nil:
		f.Level, f.What = Note, fmt.Sprintf("%s, %s", p, a)
		f.Means = "no guest runs in this QEMU without KVM"
		if len(p.Env) > 0 { // the lab's own
			f.Level, f.Against = Problem, []Ability{RunLab}
			f.Means = "the lab has no guest in this QEMU"
			f.Mend = "end what keeps the machine busy, or remove the cache and fetch it again"
		}
	case a.after > slowBoot:
		f.Level = Note
		f.Means = "the machine is very slow or very busy: what the lab measures varies"
		f.Mend = "run the lab when nothing else runs"
	}
	return f
}

// kvmPatience is long for a guest under KVM, which is up in about a second.
const kvmPatience = 10 * time.Second

// bootKVM boots a guest in the newest QEMU. Opening /dev/kvm, and even making a VM and a vCPU, succeed on machines
// where no guest runs: where the host's KVM is one without SVM and VMX, QEMU aborts with -cpu host and the guest hangs
// with -cpu qemu64 (measured).
func bootKVM(ctx context.Context, o Options) []Finding {
	const name = "boot with KVM"
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return []Finding{kvmFinding(program{}, err, nil)}
	}
	f.Close()
	kernel, ok := o.Cache.HaveKernel()
	all := programs(o.Cache)
	if !ok || len(all) == 0 {
		return []Finding{notFetched(name)}
	}
	t, err := newTrier(kernel)
	if err != nil {
		return []Finding{noImage(name, err)}
	}
	defer t.close()
	var tries []attempt
	for _, cpu := range []string{"host", "qemu64"} {
		a := t.boot(ctx, all[0], "kvm", cpu, kvmPatience)
		tries = append(tries, a)
		if !errors.Is(a.err, errEnded) { // it runs, or hangs as it would with the other
			break
		}
	}
	return []Finding{kvmFinding(all[0], nil, tries)}
}

// kvmFinding: device is why /dev/kvm cannot be opened. The lab runs under TCG, so that nothing here stands against it.
func kvmFinding(p program, device error, tries []attempt) Finding {
	f := Finding{Name: "boot with KVM", Level: Note}
	switch {
	case errors.Is(device, os.ErrPermission):
		f.What, f.Means = device.Error(), "this user's guests run under TCG, many times slower"
		f.Mend = "join the group of /dev/kvm, or run walm as root"
		return f
	case device != nil:
		f.What, f.Means = device.Error(), "guests run under TCG, many times slower; walm's lab does anyway"
		f.Mend = "switch virtualisation on in the firmware, or nested virtualisation in this machine's host; " +
			"modprobe kvm_intel or kvm_amd"
		return f
	}
	var text []string
	for _, a := range tries {
		text = append(text, a.String())
		if a.err == nil {
			f.Level = OK
		}
	}
	f.What = fmt.Sprintf("%s, %s", p, strings.Join(text, "; "))
	if f.Level == OK {
		return f
	}
	f.What = "/dev/kvm opens, but no guest runs: " + f.What
	f.Means = "KVM is of no use here: guests run under TCG, many times slower; walm's lab does anyway"
	f.Mend = "start QEMU with -accel tcg; for KVM, take a machine whose processor shows svm or vmx in /proc/cpuinfo"
	return f
}

func noImage(name string, err error) Finding {
	return Finding{Name: name, Level: Problem, Against: []Ability{RunLab}, What: err.Error(),
		Means: "the lab has no guest",
		Mend:  "build walm with make, and see that the folder for temporary files can be written"}
}
