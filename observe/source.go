package observe

import (
	"context"
	"errors"
	"time"

	"walm/vm"
)

// Source looks at a VM once and says what it is doing.
type Source interface {
	Look(ctx context.Context) (vm.Trace, error)
}

// What callers branch on. A lack of permission is fs.ErrPermission.
var (
	// ErrGone says that the process has ended, or that its id belongs to another one now.
	ErrGone = errors.New("the VM's process is gone")
	// ErrUserfault says that a userfaultfd serves the memory, as at a post-copy destination: reading a page there
	// would ask the source of the migration for it.
	ErrUserfault = errors.New("a userfaultfd serves the VM's memory: look again when its migration has ended")
	// ErrUnmapped says that the process has nothing mapped where the layout says guest RAM is.
	ErrUnmapped = errors.New("guest RAM is not where the layout says: ask the hypervisor for it again")
)

// How many pages a look samples. The standard error of a dirty share p is at most √(p(1−p)/n): for half of the memory
// 0.4 % of RAM with 16384 pages and 1.1 % with 2048, whatever the size of the VM. A look of eight windows at
// memory that is all present cost 0.37 to 0.55 s of CPU with 16384 pages, 0.19 to 0.29 with 8192 and 0.05 to 0.08 with
// 2048 (BenchmarkLook, n = 4 of each on a shared AMD EPYC, idle to busy).
const (
	ForecastSamples = 16384
	WatchSamples    = 2048
)

// Windows are the usual windows of a look: 50 ms, doubled until longest is passed.
func Windows(longest time.Duration) []time.Duration {
	var ws []time.Duration
	for w := 50 * time.Millisecond; w <= longest; w *= 2 {
		ws = append(ws, w)
	}
	return ws
}

// LongestWindow is that of a forecast: about as long as a pass over 768 MiB at 1 Gbit/s.
const LongestWindow = 6400 * time.Millisecond
