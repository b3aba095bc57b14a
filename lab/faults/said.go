package faults

import "os"

// Said is the last that was heard of an end before it was cleared away.
type Said struct {
	Ended   string `json:"ended,omitempty"`   // how QEMU's process did, where it did so by itself or by the fault
	QEMU    string `json:"qemu,omitempty"`    // on its standard output and error
	Console string `json:"console,omitempty"` // of its guest
}

// lastly is how much of a text is kept: a kernel's panic with its registers fits.
const lastly = 4000

// said takes what will be gone with the ends; what it gives is asked for when they are, for a QEMU's log is whole then.
func (t *trial) said() func() []Said {
	ends := []*host{t.source, t.dest}
	all := make([]Said, len(ends))
	for i, h := range ends {
		if h == nil {
			continue
		}
		if !h.alive() {
			all[i].Ended = h.how
		}
		console, _ := os.ReadFile(h.base + ".console") // none is as good as an empty one
		all[i].Console = tail(string(console))
	}
	return func() []Said {
		for i, h := range ends {
			if h != nil && !h.alive() {
				all[i].QEMU = tail(h.log.String())
			}
		}
		return all
	}
}

func tail(s string) string { return s[max(0, len(s)-lastly):] }
