package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// force has QEMU migrate by a socket, past walm: what comes of a pair that walm refuses, or does not. It returns what the
// end that failed says; empty where the destination runs.
func force(ctx context.Context, source, destination, socket string) (string, error) {
	a, err := qmp.Dial(ctx, source+"2")
	if err != nil {
		return "", err
	}
	defer a.Close()
	b, err := qmp.Dial(ctx, destination+"2")
	if err != nil {
		return "", err
	}
	defer b.Close()
	where := map[string]any{"uri": "unix:" + socket}
	if err := b.Do(ctx, "migrate-incoming", where, nil); err != nil {
		return "", err
	}
	if err := a.Do(ctx, "migrate", where, nil); err != nil {
		return "", err
	}
	for {
		var there struct{ Status vm.RunState }
		if err := b.Do(ctx, "query-status", nil, &there); err != nil { // before 9.1 a destination that fails ends
			return "the destination ends: " + last(destination), nil
		}
		var m struct {
			Status    vm.Status
			ErrorDesc string `json:"error-desc"`
		}
		if err := a.Do(ctx, "query-migrate", nil, &m); err != nil {
			return "", fmt.Errorf("ask the source: %w", err)
		}
		switch {
		case there.Status == vm.RunStateRunning:
			return "", nil
		case m.Status == vm.StatusFailed:
			time.Sleep(200 * time.Millisecond) // for the destination to say why
			return strings.TrimSpace(m.ErrorDesc + " " + last(destination)), nil
		}
		select {
		case <-ctx.Done():
			return fmt.Sprintf("nothing came of it: source %s, destination %s: %s", m.Status, there.Status, last(destination)), nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// last is the last line that a QEMU wrote about errors.
func last(socket string) string {
	text, err := os.ReadFile(socket + ".log")
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	_, said, found := strings.Cut(lines[len(lines)-1], ": ") // after its name, which is a path of this machine
	if !found {
		return lines[len(lines)-1]
	}
	return said
}
