package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"walm/lab/hosts"
	"walm/vm"
)

// look is an eye on the host itself, which reads the guest's memory.
func (a *away) look(ctx context.Context, m *machine) (Eye, error) {
	f := a.folders[m.host]
	layout, err := m.vm.Layout(ctx)
	if err != nil {
		return nil, err
	}
	pid, err := f.Run(ctx, "cat "+hosts.Quote(f.In(filepath.Base(m.base)+".pid")), nil)
	if err == nil {
		layout.PID, err = strconv.Atoi(strings.TrimSpace(pid))
	}
	if err != nil {
		return nil, fmt.Errorf("find the guest's QEMU on %s: %w", f.Target, err)
	}
	text, err := json.Marshal(layout)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, samples int, windows []time.Duration) (t vm.Trace, err error) {
		words := []string{a.Look, "lab", "look", "--samples", strconv.Itoa(samples)}
		for _, w := range windows {
			words = append(words, "--windows", w.String())
		}
		out, err := f.Run(ctx, hosts.Words(words), bytes.NewReader(text))
		if err == nil {
			err = json.Unmarshal([]byte(out), &t)
		}
		if err != nil {
			return t, fmt.Errorf("look at the guest on %s: %w", f.Target, err)
		}
		t.Taken = time.Now().Add(-t.Took) // by this clock, like all else of a move
		return t, nil
	}, nil
}
