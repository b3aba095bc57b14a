package guest

import (
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cavaliergopher/cpio"
)

// embedded always holds a README, so a fresh clone compiles.
//
//go:embed embedded
var embedded embed.FS

// Program returns the program that runs in the guest, a static executable which this walm carries.
func Program() ([]byte, error) {
	f, err := embedded.Open("embedded/init.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("this walm was built without its guest program: build it with make")
	}
	if err != nil {
		return nil, fmt.Errorf("open the guest program: %w", err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("unpack the guest program: %w", err)
	}
	program, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack the guest program: %w", err)
	}
	return program, nil
}

// Image writes the initramfs of a lab guest: the program that this walm carries, and the modules that it needs from a
// kernel's module tree (lib/modules/VERSION). The same input gives the same bytes.
func Image(moduleTree string, out io.Writer) error {
	program, err := Program()
	if err != nil {
		return err
	}
	mods, err := Modules(moduleTree, needed...)
	if err != nil {
		return err
	}
	return writeImage(program, mods, out)
}

// writeImage does not compress the archive: it is small, QEMU hands it to the guest in one copy, and an emulated CPU
// would be slow to unpack it.
func writeImage(program []byte, mods []Module, out io.Writer) (err error) {
	w := cpio.NewWriter(out)
	entry := func(name string, mode cpio.FileMode, content []byte) {
		if err == nil {
			err = w.WriteHeader(&cpio.Header{Name: name, Mode: mode, Size: int64(len(content))})
		}
		if err == nil {
			_, err = w.Write(content)
		}
	}
	entry("init", cpio.TypeReg|0o755, program)
	entry("modules", cpio.TypeDir|0o755, nil)
	for i, m := range mods { // loaded in the order of their names
		entry(fmt.Sprintf("modules/%02d-%s.ko", i, m.Name), cpio.TypeReg|0o644, m.Code)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("write the guest image: %w", err)
	}
	return nil
}
