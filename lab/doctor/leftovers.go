package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"walm/lab"
	"walm/lab/netlab"
)

// leftovers lists labs whose walm was killed: those with a state, and networks without one.
func leftovers(context.Context, Options) []Finding {
	states, err := lab.List()
	ids, err2 := netlab.Remains()
	if err := errors.Join(err, err2); err != nil {
		return []Finding{{Name: "leftovers", Level: Unknown, What: err.Error(),
			Means: "it is not known whether labs are left whose walm was killed", Mend: "run walm as root"}}
	}
	var left, up []string
	for _, s := range states {
		if s.Up() {
			up = append(up, s.ID)
		} else {
			left = append(left, s.ID)
		}
	}
	for _, id := range ids {
		// An id ends in its owner's pid. A process that got the pid of a dead owner hides its lab until it ends too.
		_, err := os.Stat("/proc/" + id[strings.LastIndexByte(id, 'x')+1:])
		if err != nil && !slices.Contains(up, id) && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	return []Finding{leftoversFinding(left, len(up))}
}

func leftoversFinding(left []string, up int) Finding {
	f := Finding{Name: "leftovers", Level: OK, What: "none"}
	if up > 0 {
		f.What = fmt.Sprintf("none; labs that are up: %d", up)
	}
	if len(left) > 0 {
		f.Level, f.What = Note, "of labs whose walm was killed: "+strings.Join(left, ", ")
		f.Means = "their QEMUs, if any still run, take memory and processors"
		f.Mend = "walm lab down; the next lab that is made clears them too"
	}
	return f
}
