package guest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"

	"walm/vm"
)

// object is the smallest ELF file with a .modinfo section.
func object(t *testing.T, modinfo string) []byte {
	const names = "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1,
		Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2, Shoff: uint64(64 + len(modinfo) + len(names)),
	}
	write(h)
	b.WriteString(modinfo + names)
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: 64, Size: uint64(len(modinfo))})
	write(elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: uint64(64 + len(modinfo)), Size: uint64(len(names))})
	return b.Bytes()
}

func sign(code []byte) []byte {
	const signature = "signed by nobody"
	code = append(bytes.Clone(code), signature...)
	code = binary.BigEndian.AppendUint32(append(code, make([]byte, 8)...), uint32(len(signature)))
	return append(code, "~Module signature appended~\n"...)
}

// moduleTree makes a module tree with modules by path and modinfo.
func moduleTree(t *testing.T, builtin string, files map[string]string) string {
	dir := t.TempDir()
	for name, info := range files {
		path := filepath.Join(dir, "kernel", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, sign(object(t, info)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "modules.builtin"), []byte(builtin), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

var tree = map[string]string{
	"virtio/virtio.ko":      "license=GPL\x00depends=virtio_ring\x00",
	"virtio/virtio_ring.ko": "depends=\x00",
	"virtio/virtio_pci.ko":  "depends=virtio_ring,virtio-old,virtio\x00",
	"virtio/virtio-old.ko":  "depends=\x00",
	"net/virtio_net.ko":     "depends=net_failover,virtio\x00",
	"block/virtio_blk.ko":   "depends=virtio\x00",
	"misc/pvpanic-mmio.ko":  "depends=pvpanic\x00",
	"misc/pvpanic.ko":       "depends=\x00",
	"misc/unrelated.ko":     "depends=virtio\x00",
}

func TestModules(t *testing.T) {
	mods, err := Modules(moduleTree(t, "kernel/net/net_failover.ko\nkernel/fs/ext4/ext4.ko\n", tree), needed...)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range mods {
		names = append(names, m.Name)
		if f, err := elf.NewFile(bytes.NewReader(m.Code)); err != nil || f.Section(".modinfo") == nil ||
			bytes.Contains(m.Code, []byte("signed")) {
			t.Errorf("%s is damaged or still signed: %v", m.Name, err)
		}
	}
	want := []string{"virtio_ring", "virtio_old", "virtio", "virtio_pci", "virtio_net", "virtio_blk", "pvpanic",
		"pvpanic_mmio"}
	if !slices.Equal(names, want) {
		t.Errorf("modules %v, want %v", names, want)
	}
}

func TestModulesRefuses(t *testing.T) {
	for want, dir := range map[string]string{
		"is not a kernel's module tree":        t.TempDir(),
		"net_failover is not in":               moduleTree(t, "", tree),
		"(needed by virtio_net)":               moduleTree(t, "", tree),
		"virtio_pci is not in":                 moduleTree(t, "", nil),
		"compressed modules are not supported": moduleTree(t, "", map[string]string{"virtio_pci.ko.xz": ""}),
	} {
		if _, err := Modules(dir, needed...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestUnsigned(t *testing.T) {
	for _, code := range []string{"", "code", strings.Repeat("x", 100)} {
		if got := unsigned(sign([]byte(code))); len(code) > 0 && string(got) != code {
			t.Errorf("%q unsigned is %q", code, got)
		}
		if got := unsigned([]byte(code)); string(got) != code {
			t.Errorf("%q without a signature becomes %q", code, got)
		}
	}
	for _, bad := range []string{"~Module signature appended~\n", "\xff\xff\xff\xff~Module signature appended~\n",
		"code12345678\xff\xff\xff\xff~Module signature appended~\n"} {
		if got := unsigned([]byte(bad)); string(got) != bad {
			t.Errorf("%q becomes %q", bad, got)
		}
	}
}

func TestWriteImage(t *testing.T) {
	mods := []Module{{"b", []byte("second letter, loaded first")}, {"a", []byte("x")}}
	var image, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&image, &again} {
		if err := writeImage([]byte("program"), mods, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(image.Bytes(), again.Bytes()) {
		t.Error("the same input gives different images")
	}
	var got []string
	for r := cpio.NewReader(&image); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.Name+" "+h.Mode.String()+" "+string(content))
	}
	want := []string{"init 0100755 program", "modules 040755 ",
		"modules/00-b.ko 0100644 second letter, loaded first", "modules/01-a.ko 0100644 x"}
	if !slices.Equal(got, want) {
		t.Errorf("image holds %q, want %q", got, want)
	}
}

func TestCommandLine(t *testing.T) {
	w, err := ParseWorkload("cyclic:wset=64MiB,rate=20000")
	if err != nil {
		t.Fatal(err)
	}
	if got := CommandLine("10.77.0.10/24", w); !strings.HasSuffix(got,
		" walm.ip=10.77.0.10/24 walm.load=cyclic:wset=64MiB,rate=20000,fill=64B") || !strings.HasPrefix(got, kernel) {
		t.Errorf("command line %q", got)
	}
	if got := CommandLine("", Workload{}); strings.Contains(got, "walm.") {
		t.Errorf("command line %q", got)
	}
}

func TestNeeds(t *testing.T) {
	for workload, want := range map[string]vm.Bytes{
		"idle": 130 * vm.MiB, "static:wset=4KiB": 113 * vm.MiB, "cyclic:wset=1GiB": 1222 * vm.MiB,
	} {
		w, err := ParseWorkload(workload)
		if err != nil {
			t.Fatal(err)
		}
		if got := Needs(w); got != want {
			t.Errorf("%s needs %v, want %v", workload, got, want)
		}
	}
}
