package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"walm/hypervisor/qemu"
	"walm/vm"
)

// Image is a disk as files of one host hold it.
type Image struct {
	Path string
	Base string // of a redo overlay; empty: Path holds all of it
}

// Image is d's redo overlay on its base.
func (d Disk) Image() Image { return Image{filepath.Join(d.Dir, overlay), filepath.Join(d.Dir, base)} }

// Empty makes an empty image of d's size, to copy it to.
func (d Disk) Empty(ctx context.Context, name string) (Image, error) {
	size, err := d.size()
	if err != nil {
		return Image{}, err
	}
	i := Image{Path: filepath.Join(d.Dir, name)}
	if err := d.tool(ctx, "create", "-q", "-f", "qcow2", i.Path, strconv.FormatInt(int64(size), 10)); err != nil {
		return Image{}, fmt.Errorf("make an empty image: %w", err)
	}
	return i, nil
}

// Node is the image as the QEMU of its host opens it.
func (i Image) Node() *qemu.Node {
	file := func(path string) map[string]any { return map[string]any{"driver": "file", "filename": path} }
	if i.Base == "" {
		return &qemu.Node{"driver": "qcow2", "file": file(i.Path)}
	}
	return layered(file(i.Path), file(i.Base))
}

// Tail reads the last bytes of the disk that an image holds, past the QEMU that may be writing to it.
func (d Disk) Tail(ctx context.Context, i Image, last vm.Bytes) (_ []byte, err error) {
	size, err := d.size()
	if err != nil {
		return nil, err
	}
	node, err := json.Marshal(i.Node())
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp(d.Dir, "tail-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Remove(out.Name())) }()
	const block = 64 * vm.KiB
	if err := d.tool(ctx, "dd", "-U", "-O", "raw", fmt.Sprintf("bs=%d", block), fmt.Sprintf("skip=%d", (size-last)/block),
		"if=json:"+string(node), "of="+out.Name()); err != nil {
		return nil, fmt.Errorf("read %s: %w", i.Path, err)
	}
	return os.ReadFile(out.Name()) // qemu-img has replaced the file's content, not the file
}

// size is the disk's, as its base has it.
func (d Disk) size() (vm.Bytes, error) {
	info, err := os.Stat(filepath.Join(d.Dir, base))
	if err != nil {
		return 0, err
	}
	return vm.Bytes(info.Size()), nil
}

// tool runs qemu-img.
func (d Disk) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.Tools.Program("usr/bin/qemu-img"), args...)
	cmd.Env = append(os.Environ(), d.Tools.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("qemu-img %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
