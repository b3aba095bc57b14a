package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// pack writes the files of a folder into an archive, in the place of the one before once it is whole.
func pack(folder, file string) (err error) {
	out, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return errors.Join(err, out.Close())
	}
	t := tar.NewWriter(z)
	if err := errors.Join(t.AddFS(os.DirFS(folder)), t.Close(), z.Close(), out.Close()); err != nil {
		return fmt.Errorf("pack %s: %w", folder, err)
	}
	return os.Rename(file+".new", file)
}

// unpack is the reverse; where there is no archive there are no files.
func unpack(file, folder string) error {
	in, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := zstd.NewReader(in)
	if err != nil {
		return err
	}
	defer z.Close()
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
		name := filepath.Join(folder, h.Name)
		switch {
		case !filepath.IsLocal(h.Name):
			return fmt.Errorf("unpack %s: %q leads out of the folder", file, h.Name)
		case h.Typeflag != tar.TypeReg:
			continue
		}
		text, err := io.ReadAll(t)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o755)
		}
		if err == nil {
			err = os.WriteFile(name, text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
	}
}
