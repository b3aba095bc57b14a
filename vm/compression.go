package vm

import (
	"fmt"
	"slices"
)

// Compression is how pages are packed that parallel channels carry, by QEMU's names for it.
type Compression string

// What QEMU packs with on any machine, both at their fastest level (multifd-zstd-level and multifd-zlib-level are 1 unless
// somebody sets them).
const (
	Zstd Compression = "zstd"
	Zlib Compression = "zlib"
)

// ParseCompression reads a compression's name; none is the empty one.
func ParseCompression(s string) (Compression, error) {
	if s == "none" {
		return "", nil
	}
	if c := Compression(s); slices.Contains([]Compression{Zstd, Zlib}, c) {
		return c, nil
	}
	return "", fmt.Errorf("unknown compression %q: one of none, %s, %s", s, Zstd, Zlib)
}
