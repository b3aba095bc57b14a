package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"walm/lab/debian"
)

// q35 is how versioned machine types of the lab's kind begin.
const q35 = "pc-q35-"

// machines are the versioned machine types that a QEMU knows, newest first.
func machines(ctx context.Context, q debian.QEMU) ([]string, error) {
	cmd := exec.CommandContext(ctx, q.Binary, append(slices.Clone(q.Args), "-machine", "help")...)
	cmd.Env = append(os.Environ(), q.Env...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask QEMU %s for its machine types: %w", q.Version, err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, q35) {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return slices.Compare(numbers(b), numbers(a)) })
	return all, nil
}

// numbers are the version in a machine type's name.
func numbers(machine string) (all []int) {
	for text := range strings.SplitSeq(strings.TrimPrefix(machine, q35), ".") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// newestMachine is the newest machine type that both know.
func newestMachine(ctx context.Context, a, b debian.QEMU) (string, error) {
	ours, err := machines(ctx, a)
	if err != nil {
		return "", err
	}
	theirs, err := machines(ctx, b)
	if err != nil {
		return "", err
	}
	for _, m := range ours {
		if slices.Contains(theirs, m) {
			return m, nil
		}
	}
	return "", fmt.Errorf("QEMU %s and %s share no machine type %s*", a.Version, b.Version, q35)
}
