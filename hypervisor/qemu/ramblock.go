package qemu

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"walm/vm"
)

// ramBlock is a stretch of a VM's memory, as QEMU sends it: by its name.
type ramBlock struct {
	name        string
	used, total vm.Bytes
}

// fits says whether QEMU loads b into another of its name. Those of tables that QEMU itself makes for firmware can be
// resized, up to their total; others must be of the same size.
func (b ramBlock) fits(into ramBlock) bool {
	return b.used == into.used || (strings.HasPrefix(b.name, "/rom@") || into.used < into.total) && b.used <= into.total
}

// ramBlocks asks for the blocks that have names; those without are never sent.
func (v *VM) ramBlocks(ctx context.Context) ([]ramBlock, error) {
	// QMP's own command for this is unstable (x-query-ramblock), and gives the same text.
	text, err := v.hmp(ctx, "info ramblock")
	return parseRAMBlocks(text), err
}

// ramLine is a line of info ramblock: name, page size, offset, used, total, and from 8.1 on more.
var ramLine = regexp.MustCompile(`^\s*(\S.*?)\s+\d+ [KMGT]iB\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?:\s|$)`)

func parseRAMBlocks(text string) (all []ramBlock) {
	for line := range strings.Lines(text) {
		m := ramLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		used, err := strconv.ParseInt(m[2], 16, 64)
		if err != nil {
			continue
		}
		total, err := strconv.ParseInt(m[3], 16, 64)
		if err != nil {
			continue
		}
		all = append(all, ramBlock{m[1], vm.Bytes(used), vm.Bytes(total)})
	}
	return all
}
