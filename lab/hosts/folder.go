package hosts

import (
	"context"
	"fmt"
	"io"
	"path"
	"time"

	"walm/vm"
)

// Folder is a lab's on a host. All that the lab leaves there is in it or named by a file in it, so that what a killed
// walm left can be found: NAME.pid and NAME.tap of a QEMU, and shaped, which names a device.
type Folder struct {
	Host
	Path string
}

// MakeFolder makes the folder; one that is there already is somebody else's.
func MakeFolder(ctx context.Context, h Host, at string) (Folder, error) {
	_, err := h.Run(ctx, fmt.Sprintf("umask 077; mkdir -p %s && mkdir %s", Quote(path.Dir(at)), Quote(at)), nil)
	return Folder{h, at}, err
}

// In is a file in the folder.
func (f Folder) In(name string) string { return path.Join(f.Path, name) }

// stop ends the process of a pid file, unless another has its pid by now, and removes the tap and the files beside it. Where there
// is no such file yet, for the command that began a QEMU was given up, the QEMU is looked for. A command line is made into
// lines first: the grep of busybox reads no further than its first zero byte.
const stop = `has() { tr '\0' '\n' <"/proc/$1/cmdline" | grep -qxF -- "$2"; } 2>/dev/null
stop() {
	all=$(cat "$1.pid" 2>/dev/null) || all=$(cd /proc && echo [0-9]*)
	for p in $all; do while has "$p" "$1.pid"; do kill -9 "$p"; sleep 0.02; done; done
	test -f "$1.tap" && ip link del "$(cat "$1.tap")"
	rm -f "$1".*
}
`

// Begin makes a tap, unless bridge is empty, and runs a QEMU, which is ready when Begin returns.
func (f Folder) Begin(ctx context.Context, name, tap, bridge string, command []string) error {
	script := "set -e\n"
	if bridge != "" {
		script += fmt.Sprintf("echo %[1]s >%[2]s\nip tuntap add dev %[1]s mode tap\nip link set %[1]s master %[3]s up\n",
			Quote(tap), Quote(f.In(name+".tap")), Quote(bridge))
	}
	command = append(command, "-daemonize", "-pidfile", f.In(name+".pid"))
	_, err := f.Run(ctx, script+Words(command)+" </dev/null", nil)
	return err
}

// End ends a QEMU and removes its tap and its files.
func (f Folder) End(ctx context.Context, name string) error {
	_, err := f.Run(ctx, stop+"stop "+Quote(f.In(name)), nil)
	return err
}

// Text is the end of a file.
func (f Folder) Text(ctx context.Context, name string) string {
	out, _ := f.Run(ctx, "tail -c 2000 "+Quote(f.In(name)), nil)
	return out
}

// Shape limits what leaves a device, as netlab does; zero lifts the limit.
func (f Folder) Shape(ctx context.Context, device string, rate vm.Rate) error {
	script := fmt.Sprintf("tc qdisc del dev %s root 2>/dev/null; rm -f %s", Quote(device), Quote(f.In("shaped")))
	if rate > 0 {
		script = fmt.Sprintf("set -e\necho %[1]s >%[2]s\ntc qdisc replace dev %[1]s root handle 1: tbf rate %[3]dbit burst 256kb latency 50ms\n"+
			"tc qdisc replace dev %[1]s parent 1:1 handle 2: fq_codel 2>/dev/null || :", Quote(device), Quote(f.In("shaped")), int64(rate)*8)
	}
	_, err := f.Run(ctx, script, nil)
	return err
}

// Sent reads how many bytes have left a device, until ctx ends.
func (f Folder) Sent(ctx context.Context, device string, every time.Duration, told func(vm.Bytes)) error {
	script := fmt.Sprintf("while cat %s && sleep %.3f; do :; done", Quote("/sys/class/net/"+device+"/statistics/tx_bytes"), every.Seconds())
	return f.Stream(ctx, script, func(r io.Reader) {
		for {
			var n int64
			if _, err := fmt.Fscanln(r, &n); err != nil {
				return
			}
			told(vm.Bytes(n))
		}
	})
}

// Remove ends all that is left, takes away what was made outside of the folder, and the folder.
func (f Folder) Remove(ctx context.Context) error {
	_, err := f.Run(ctx, stop+fmt.Sprintf(`cd %s 2>/dev/null || exit 0
for p in "$PWD"/*.pid "$PWD"/*.tap; do test -f "$p" && stop "${p%%.*}"; done
test -f shaped && tc qdisc del dev "$(cat shaped)" root
cd / && rm -rf %s`, Quote(f.Path), Quote(f.Path)), nil)
	return err
}
