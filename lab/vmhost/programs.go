package vmhost

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// libraries is where Debian's dynamic linker looks first.
const libraries = "usr/lib/x86_64-linux-gnu"

// linker starts every dynamic program.
const linker = "usr/lib64/ld-linux-x86-64.so.2"

// loads lists the programs and all libraries that the dynamic linker loads for them, as paths in root.
func loads(root string, programs ...string) ([]string, error) {
	all, todo := map[string]bool{linker: true}, slices.Clone(programs)
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if all[name] {
			continue
		}
		all[name] = true
		f, err := elf.Open(filepath.Join(root, name))
		if err != nil {
			return nil, fmt.Errorf("read program %s: %w", name, err)
		}
		needed, err := f.ImportedLibraries()
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read what %s loads: %w", name, err)
		}
		for _, lib := range needed {
			at := path.Join(libraries, lib)
			if path.Base(linker) == lib {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, at)); errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s loads %s, which the unpacked packages lack", name, lib)
			}
			todo = append(todo, at)
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
