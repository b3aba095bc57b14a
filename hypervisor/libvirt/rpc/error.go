package rpc

import (
	"errors"
	"fmt"
	"strings"
)

// Error is libvirt's answer to a call that failed.
type Error struct {
	Code    ErrorCode
	Domain  int32 // the part of libvirt that it comes from (virErrorDomain)
	Message string
}

func (e *Error) Error() string { return "libvirt: " + e.Message }

// Is makes errors.Is(err, rpc.NoDomain) work. What a daemon is too old for is NoSupport, whether it knows the procedure
// and its driver does not, or not even the procedure; errors.ErrUnsupported is that and what a driver refuses for good.
func (e *Error) Is(target error) bool {
	code := e.Code
	if e.unknownProcedure() {
		code = NoSupport
	}
	if target == errors.ErrUnsupported {
		return code == NoSupport || code == OperationUnsupported || code == ArgumentUnsupported
	}
	return target == code
}

// unknownProcedure tells a call that the daemon's dispatcher does not know, which has no code of its own.
func (e *Error) unknownProcedure() bool {
	const rpcFailed, fromRPC = 39, 7
	return e.Code == rpcFailed && e.Domain == fromRPC &&
		(strings.HasPrefix(e.Message, "unknown procedure") || strings.HasPrefix(e.Message, "Cannot find program"))
}

// ErrorCode is a virErrorNumber.
type ErrorCode int32

// The codes that walm tells apart (include/libvirt/virterror.h).
const (
	NoSupport            ErrorCode = 3 // the driver has no such function
	OperationFailed      ErrorCode = 9
	OperationDenied      ErrorCode = 29 // read-only connection
	NoDomain             ErrorCode = 42
	AuthFailed           ErrorCode = 45
	OperationInvalid     ErrorCode = 55 // not in this state
	ConfigUnsupported    ErrorCode = 67
	OperationTimeout     ErrorCode = 68
	ArgumentUnsupported  ErrorCode = 74
	OperationAborted     ErrorCode = 78
	MigrateUnsafe        ErrorCode = 81
	OperationUnsupported ErrorCode = 84
	AccessDenied         ErrorCode = 88
	CPUIncompatible      ErrorCode = 91
)

func (c ErrorCode) Error() string { return fmt.Sprintf("libvirt error %d", int32(c)) }

func (d *decoder) error() error {
	e := &Error{Code: ErrorCode(d.i32()), Domain: d.i32(), Message: d.optional()}
	if d.err != nil {
		return fmt.Errorf("read libvirt's error: %w", d.err)
	}
	return e
}
