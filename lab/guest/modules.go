package guest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// needed are the modules that a guest cannot do without; what they depend on is found in the modules themselves.
// The kernel reports its panics to QEMU through pvpanic.
var needed = []string{"virtio_pci", "virtio_net", "virtio_blk", "pvpanic_mmio"}

// Module is a kernel module as a file.
type Module struct {
	Name string
	Code []byte
}

// Modules reads the needed modules from a kernel's module tree (lib/modules/VERSION), each after those that it depends
// on. Modules that are built into the kernel are left out.
func Modules(tree string, needed ...string) ([]Module, error) {
	builtin, err := os.ReadFile(filepath.Join(tree, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("%s is not a kernel's module tree: %w", tree, err)
	}
	known := map[string]bool{}
	for line := range strings.FieldsSeq(string(builtin)) {
		known[moduleName(line)] = true
	}
	paths := map[string]string{}
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".ko") {
			paths[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for kernel modules: %w", err)
	}
	var list []Module
	var add func(name string) error
	add = func(name string) error {
		if known[name] {
			return nil
		}
		known[name] = true
		path, ok := paths[name]
		if !ok {
			return fmt.Errorf("kernel module %s is not in %s", name, tree)
		}
		code, depends, err := readModule(path)
		if err != nil {
			return fmt.Errorf("kernel module %s: %w", path, err)
		}
		for _, d := range depends {
			if err := add(moduleName(d)); err != nil {
				return fmt.Errorf("%w (needed by %s)", err, name)
			}
		}
		list = append(list, Module{name, code})
		return nil
	}
	for _, name := range needed {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// moduleName is the name by which the kernel knows the module in path.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// readModule returns a module with the names of those that it depends on, as it states them itself: modules.dep only
// exists where the kernel was installed, not where its package was merely unpacked.
func readModule(path string) (code []byte, depends []string, err error) {
	if filepath.Ext(path) != ".ko" {
		return nil, nil, errors.New("compressed modules are not supported: use the kernel of Debian 12")
	}
	if code, err = os.ReadFile(path); err != nil {
		return nil, nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return nil, nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, nil, errors.New("no .modinfo section")
	}
	info, err := s.Data()
	if err != nil {
		return nil, nil, err
	}
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(entry), "depends="); ok {
			depends = slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
		}
	}
	return unsigned(code), depends, nil
}

// unsigned cuts the signature off a module: an emulated CPU is slow to check it, and a guest of the lab gains nothing
// from that. It follows the ELF file as: data, 12 bytes that end in the data's length, a magic text.
func unsigned(code []byte) []byte {
	const infoSize = 12
	rest, signed := bytes.CutSuffix(code, []byte("~Module signature appended~\n"))
	if !signed || len(rest) < infoSize {
		return code
	}
	size := int64(binary.BigEndian.Uint32(rest[len(rest)-4:]))
	if end := int64(len(rest)) - infoSize - size; end > 0 {
		return rest[:end]
	}
	return code
}
