package qmp

import (
	"errors"
	"fmt"
)

// ErrNotQMP is wrapped by the error of a connection whose peer says something that is not QMP: garbage (a human monitor
// on the same socket), or JSON without a greeting.
var ErrNotQMP = errors.New("the peer does not speak QMP")

// ErrUnanswered is wrapped by the error of a command that was handed to the connection and got no reply before its
// context or the connection ended. QEMU may have carried it out, may yet do so, or may never see it.
var ErrUnanswered = errors.New("sent but not answered, it may or may not take effect")

// Error is QEMU's refusal of a command.
type Error struct {
	Command string
	Class   string // mostly "GenericError"; "CommandNotFound" and a few historical ones carry meaning
	Desc    string // for humans: differs between versions
}

func (e *Error) Error() string {
	return fmt.Sprintf("qmp: %s: %s: %s", e.Command, e.Class, e.Desc)
}

// Is makes a command that this QEMU does not have an [errors.ErrUnsupported].
func (e *Error) Is(target error) bool {
	return target == errors.ErrUnsupported && e.Class == "CommandNotFound"
}
