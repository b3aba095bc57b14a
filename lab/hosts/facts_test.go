package hosts

import (
	"os/exec"
	"strings"
	"testing"

	"walm/vm"
)

const said = "user=0\nssh=10.0.0.1 50000 10.0.0.2 22\nqemu=10.0.2\nmachine=pc-q35-7.2\nkvm=yes\nfree=8000000\nbridge=/sbin/ip\n" +
	"device=10.9.0.2\ntc=/sbin/tc\n"

func TestJudge(t *testing.T) {
	needs := Needs{QEMU: "qemu-system-x86_64", Machine: "pc-q35-7.2", Memory: vm.GiB}
	for _, c := range []struct {
		name   string
		change [2]string // of what was said
		needs  func(*Needs)
		want   string // in the error; empty: none
	}{
		{"all is well", [2]string{}, func(*Needs) {}, ""},
		{"not root", [2]string{"user=0", "user=1000"}, func(*Needs) {}, "not root"},
		{"no QEMU", [2]string{"qemu=10.0.2", "qemu="}, func(*Needs) {}, "install qemu-system-x86"},
		{"too old", [2]string{"machine=pc-q35-7.2", "machine="}, func(*Needs) {}, "machine type"},
		{"no KVM, and none needed", [2]string{"kvm=yes", "kvm="}, func(*Needs) {}, ""},
		{"no KVM", [2]string{"kvm=yes", "kvm="}, func(n *Needs) { n.Accelerator = "kvm" }, "/dev/kvm"},
		{"too little memory", [2]string{}, func(n *Needs) { n.Memory = 100 * vm.GiB }, "the guest needs 100 GiB"},
		{"no bridge", [2]string{"bridge=/sbin/ip", "bridge="}, func(n *Needs) { n.Bridge = "br0" }, "no bridge br0"},
		{"no tc", [2]string{"tc=/sbin/tc", "tc="}, func(n *Needs) { n.Device = "eth0" }, "no tc"},
		{"no address", [2]string{"device=10.9.0.2", "device="}, func(n *Needs) { n.Device = "eth0" }, "has no address"},
		{"an odd ssh", [2]string{"ssh=10.0.0.1 50000 10.0.0.2 22", "ssh="}, func(*Needs) {}, "--shape"},
	} {
		n := needs
		c.needs(&n)
		f, err := judge(parse(strings.Replace(said, c.change[0], c.change[1], 1)), n)
		switch {
		case c.want == "" && (err != nil || f.QEMU != "10.0.2" || f.Address != "10.0.0.2"):
			t.Errorf("%s: %+v, %v", c.name, f, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v; want an error with %q", c.name, err, c.want)
		}
	}
	needs.Device = "eth0"
	if f, err := judge(parse(said), needs); err != nil || f.Address != "10.9.0.2" {
		t.Errorf("the device's address: %+v, %v", f, err)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("it's $HOME `x` \"y\" \\ *")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			t.Skip("no word of a command line holds a zero byte")
		}
		out, err := exec.Command("sh", "-c", "printf %s "+Quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came out as %q, %v", s, out, err)
		}
	})
}
