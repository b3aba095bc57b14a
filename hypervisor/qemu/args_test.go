package qemu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/vm"
)

func TestArgs(t *testing.T) {
	const common = "-name guest=web -nodefaults -no-user-config -display none -machine pc-q35-7.2,usb=off,vmport=off" +
		" -accel tcg -cpu qemu64 -smp 2 -m 524296K -device pvpanic -qmp unix:/run/a.qmp,server=on,wait=off" +
		" -serial file:/run/a.console -chardev socket,id=control,path=/run/a.control,server=on,wait=off" +
		" -serial chardev:control"
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"bare", func(*Config) {}, common},
		{"kernel", func(c *Config) { c.Kernel, c.Initrd, c.Append = "/k", "/i", "quiet" },
			common + " -kernel /k -initrd /i -append quiet"},
		{"tap", func(c *Config) { c.Tap, c.MAC = "tap0", "52:54:00:77:00:0a" },
			common + " -netdev tap,id=net0,ifname=tap0,script=no,downscript=no" +
				" -device virtio-net-pci,netdev=net0,mac=52:54:00:77:00:0a,romfile="},
		{"incoming", func(c *Config) { c.Incoming = true }, common + " -incoming defer"},
		{"commas", func(c *Config) {
			c.Name, c.QMP, c.Control, c.Console = "a,b", "/r,1/q", "/r,1/,c", "/r,1/s"
		}, "-name guest=a,,b -nodefaults -no-user-config -display none -machine pc-q35-7.2,usb=off,vmport=off" +
			" -accel tcg -cpu qemu64 -smp 2 -m 524296K -device pvpanic -qmp unix:/r,,1/q,server=on,wait=off" +
			" -serial file:/r,1/s -chardev socket,id=control,path=/r,,1/,,c,server=on,wait=off -serial chardev:control"},
	} {
		c := Config{Name: "web", Machine: "pc-q35-7.2", Accelerator: "tcg", CPU: "qemu64", RAM: 512*vm.MiB + 8*vm.KiB,
			VCPUs: 2, QMP: "/run/a.qmp", Console: "/run/a.console", Control: "/run/a.control"}
		tt.change(&c)
		got := c.Args()
		if diff := cmp.Diff(strings.Split(tt.want, " "), got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if diff := cmp.Diff(got, c.Args()); diff != "" {
			t.Errorf("%s, once more: %s", tt.name, diff)
		}
	}
}
