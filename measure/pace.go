package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// pace is a steady schedule. Ticks that were missed are not made up for: a burst would tell nothing of the moments that
// were missed.
type pace struct{ every, next int64 } // nanoseconds on CLOCK_MONOTONIC

func newPace(every time.Duration) *pace {
	return &pace{every: int64(every), next: monotonic() + int64(every)}
}

// wait sleeps until the next tick. It blocks its thread: see Prober for why.
func (p *pace) wait() {
	if late := monotonic() - p.next; late > p.every {
		p.next += late / p.every * p.every
	}
	at := unix.NsecToTimespec(p.next)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
	}
	p.next += p.every
}

func monotonic() int64 {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail with this clock
	return now.Nano()
}

// hurry puts the calling thread before all ordinary ones. It needs CAP_SYS_NICE and does nothing without: then Assess
// may find that the prober itself was silent, and warns.
func hurry() {
	unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}, 0)
}
