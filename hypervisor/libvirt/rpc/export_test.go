package rpc

import "syscall"

// NoRoutes are what no network of a test's own gives reliably.
var NoRoutes = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH}

// Advise is what a user is told where a transport fails for the reason err.
func Advise(uri string, err error) error {
	u, parse := ParseURI(uri)
	if parse != nil {
		return parse
	}
	return u.advise(err)
}

// Times of keep-alive and of a peer that does not read.
const (
	Interval    = interval
	Unanswered  = unanswered
	WriteWithin = writeWithin
)
