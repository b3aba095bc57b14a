package qemu

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"walm/vm"
)

// blocks is what info ramblock says of a machine with an option ROM of a size; QEMU 10 writes two columns more.
func blocks(version string, rom vm.Bytes) string {
	more, title := "", ""
	if !strings.HasPrefix(version, "7") {
		more, title = " 0x00007f85c3e00000  rw", "                HVA  RO"
	}
	text := "              Block Name    PSize              Offset               Used              Total" + title + "\n"
	for _, b := range []struct {
		name        string
		used, total vm.Bytes
	}{{"pc.ram", 64 * vm.MiB, 64 * vm.MiB}, {"/rom@etc/acpi/tables", 128 * vm.KiB, 2 * vm.MiB},
		{"0000:00:02.0/virtio-net-pci.rom", rom, rom}} {
		text += fmt.Sprintf("%24s    4 KiB  0x0000000000000000 0x%016x 0x%016x%s\n", b.name, int64(b.used), int64(b.total), more)
	}
	return text + "\n"
}

// features are words of a CPU, with the bits of leaf 7's ECX.
func features(ecx int) []object {
	return []object{
		{"cpuid-register": "ECX", "cpuid-input-ecx": 0, "cpuid-input-eax": 7, "features": ecx},
		{"cpuid-register": "EDX", "cpuid-input-eax": 1, "features": 265026557},
	}
}

// TestCheckVersions: what two versions of QEMU do not share is told before anything moves, by what they say of themselves.
func TestCheckVersions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(source, destination *fake, p *Pair)
		want   []string
	}{
		{"a machine type that the destination has too", func(_, d *fake, p *Pair) {
			p.Destination.Machine = "pc-q35-10.0-machine"
			d.machines = []string{"pc-q35-10.0", "pc-q35-7.2", "q35"}
		}, []string{"the machine types differ: pc-q35-7.2 and pc-q35-10.0; start the destination with -machine pc-q35-7.2"}},
		{"a machine type that the destination does not know", func(s, d *fake, p *Pair) {
			p.Source.Machine = "pc-q35-10.0-machine"
			s.machines = []string{"pc-q35-7.2", "pc-q35-10.0", "pc-q35-7.1", "q35", "pc-i440fx-10.0"}
			d.machines = []string{"pc-q35-7.1", "q35", "pc-q35-7.2", "pc-i440fx-10.0"}
		}, []string{"the destination's QEMU 7.2.22 has no pc-q35-10.0; a VM of that type cannot move there:" +
			" to be able to, it must be started anew with one that both have, the newest is pc-q35-7.2"}},
		{"no machine type in common", func(s, d *fake, p *Pair) {
			p.Source.Machine = "pc-q35-10.0-machine"
			s.machines, d.machines = []string{"pc-q35-10.0"}, []string{"pc-q35-7.2"}
		}, []string{"has no pc-q35-10.0; a VM of that type cannot move there"}},
		{"a machine type without a version", func(s, d *fake, p *Pair) {
			p.Source.Machine = "microvm-machine"
			d.machines = []string{"pc-q35-7.2"}
		}, []string{"the machine types differ: microvm and pc-q35-7.2, and the destination's QEMU 7.2.22 has no microvm"}},

		{"a CPU with more at the destination", func(s, d *fake, _ *Pair) { s.words, d.words = features(0b01), features(0b11) }, nil},
		{"a CPU with less at the destination", func(s, d *fake, _ *Pair) {
			s.words, d.words = features(0b1011), features(0b0001)
			s.features = map[string]bool{"vaes": true, "vpclmulqdq": true, "x-no": true, "x_second": true, "sse": true, "svm": false}
			d.features = map[string]bool{"vaes": false, "sse": true, "svm": false}
		}, []string{"of its features, those that the VM has seen, the CPU qemu64 lacks 2 at the destination: vaes, vpclmulqdq; give both a -cpu that names"}},
		{"a CPU with other switches besides", func(s, d *fake, _ *Pair) {
			s.words, d.words = features(0b1001), features(0b0001)
			s.features, d.features = map[string]bool{"vaes": true, "pmu": true}, map[string]bool{}
		}, []string{"lacks 1 at the destination: CPUID 0x7.0 ECX bit 3; give both"}},
		{"a leaf that the destination does not know, empty", func(s, d *fake, _ *Pair) { s.words, d.words = features(0), features(0)[1:] }, nil},
		{"a leaf that the destination does not know", func(s, d *fake, _ *Pair) { s.words, d.words = features(1), features(1)[1:] },
			[]string{"the CPU qemu64 lacks 1 at the destination: CPUID 0x7.0 ECX bit 0; give both"}},

		{"the same blocks, told by two versions", func(s, d *fake, _ *Pair) {
			s.blocks, d.blocks = blocks("10.0.2", 256*vm.KiB), blocks("7.2.22", 256*vm.KiB)
		}, nil},
		{"a ROM that has shrunk", func(s, d *fake, _ *Pair) {
			s.blocks, d.blocks = blocks("10.0.2", 512*vm.KiB), blocks("7.2.22", 256*vm.KiB)
		}, []string{`memory "0000:00:02.0/virtio-net-pci.rom" is of 512 KiB at the source and of 256 KiB at the destination; give both the same firmware`}},
		{"a ROM that has grown", func(s, d *fake, _ *Pair) {
			s.blocks, d.blocks = blocks("10.0.2", 128*vm.KiB), blocks("7.2.22", 256*vm.KiB)
		}, []string{"is of 128 KiB at the source and of 256 KiB at the destination"}},
		{"tables that are resized", func(s, d *fake, _ *Pair) {
			s.blocks = blocks("10.0.2", 256*vm.KiB)
			d.blocks = strings.Replace(s.blocks, fmt.Sprintf("%016x", 128*1024), fmt.Sprintf("%016x", 64*1024), 1)
		}, nil},
		{"tables that do not fit", func(s, d *fake, _ *Pair) {
			d.blocks = blocks("10.0.2", 256*vm.KiB)
			s.blocks = strings.Replace(d.blocks, fmt.Sprintf("%016x", 128*1024), fmt.Sprintf("%016x", 4*1024*1024), 1)
		}, []string{`memory "/rom@etc/acpi/tables" is of 4096 KiB at the source and of 128 KiB`}},
		{"a device that is missing", func(s, d *fake, _ *Pair) {
			s.blocks = blocks("10.0.2", 256*vm.KiB)
			d.blocks = strings.Replace(s.blocks, "0000:00:02.0/virtio-net-pci.rom", "0000:00:03.0/virtio-net-pci.rom", 1)
		}, []string{`the destination has no memory "0000:00:02.0/virtio-net-pci.rom": a device of the VM's is missing there; start both`}},
		{"a destination that tells its blocks otherwise", func(s, d *fake, _ *Pair) {
			s.blocks, d.blocks = blocks("10.0.2", 256*vm.KiB), "pc.ram 64M\n"
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, destination := newFake("10.0.2"), waiting("7.2.22")
				p := pairOf(t, source, destination)
				tt.change(source, destination, p)
				found, err := p.Check(t.Context())
				if err != nil || len(found) != len(tt.want) {
					t.Fatalf("found %q, %v, want %q", found, err, tt.want)
				}
				for i, f := range found {
					wants(t, f, tt.want[i])
				}
				for _, s := range append(source.did(), destination.did()...) {
					if !strings.HasPrefix(s, "qom-") && !strings.Contains(s, `"info ramblock"`) {
						t.Errorf("a check did %q", s)
					}
				}
			})
		})
	}
}

// TestUnableMultifd: 9.2.0 alone, and from sources up to 8.2 alone, loses what comes over several channels.
func TestUnableMultifd(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		lost     bool
	}{
		{"8.2.9", "9.2.0", true}, {"7.2.22", "9.2.0", true}, {"9.0.0", "9.2.0", false}, {"8.2.9", "9.2.1", false},
		{"8.2.9", "9.1.0", false}, {"9.2.0", "9.2.0", false}, {"8.2.9", "10.0.2", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := pairOf(t, newFake(tt.from), waiting(tt.to))
			p.Source.Accelerator = "kvm" // nothing else stands against it
			params := vm.DefaultParams(vm.PreCopy)
			if why := p.Unable(vm.PreCopy, params); why != "" {
				t.Errorf("%s to %s by one channel: %s", tt.from, tt.to, why)
			}
			params.Multifd = 2
			why := p.Unable(vm.PreCopy, params)
			if (why != "") != tt.lost || tt.lost && !strings.Contains(why, "mended in 9.2.1") {
				t.Errorf("%s to %s: %q", tt.from, tt.to, why)
			}
			if err := p.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: vm.PreCopy, Params: params}); (err != nil) != tt.lost {
				t.Errorf("%s to %s: prepared with %v", tt.from, tt.to, err)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string][]int{"7.2": {7, 2}, "10.0.1": {10, 0, 1}, "": nil, "7.": nil, "q35": nil} {
		if got := numbers(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What is read of any text has a name and a size, and is read the same from the line that says nothing else.
func FuzzRAMBlocks(f *testing.F) {
	f.Add(blocks("7.2.22", vm.MiB))
	f.Add(blocks("10.0.2", 0))
	f.Add("  a name with spaces   4 KiB 0x0 0xffffffffffffffff 0x1\n 1 KiB 0x0 0x0 0x0")
	f.Fuzz(func(t *testing.T, text string) {
		for _, b := range parseRAMBlocks(text) {
			line := fmt.Sprintf("%s    4 KiB  0x0 0x%x 0x%x", b.name, int64(b.used), int64(b.total))
			again := parseRAMBlocks(line)
			if b.name == "" || b.used < 0 || b.total < 0 || len(again) != 1 || again[0] != b {
				t.Errorf("%+v of %q, and %+v of %q", b, text, again, line)
			}
		}
	})
}
