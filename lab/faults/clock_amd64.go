package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clock is the wall clock of one process, which the tester can set. The process reads no clock but by system calls, since it
// is started without the kernel's shared page of time, and those for the wall clock are answered here. Its monotonic clock
// stays the kernel's, as it does where a host's clock is set. A time namespace is not enough: it has no wall clock.
type clock struct {
	listener *os.File
	ahead    atomic.Int64 // nanoseconds
}

// Numbers of the kernel's that package unix does not have.
const (
	auxVDSO    = 33 // AT_SYSINFO_EHDR
	auxIgnored = 1  // AT_IGNORE

	sysSeccomp   = 317
	newListener  = 1 << 3     // SECCOMP_FILTER_FLAG_NEW_LISTENER
	retAllow     = 0x7fff0000 // SECCOMP_RET_ALLOW
	retNotify    = 0x7fc00000 // SECCOMP_RET_USER_NOTIF
	ioctlReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	ioctlSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	goOnItself   = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// skewed starts a process whose wall clock can be set. It must be called on the thread that the process is to die with.
func skewed(cmd *exec.Cmd) (c *clock, err error) {
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	defer func() {
		if err != nil {
			_ = cmd.Process.Kill()
			err = fmt.Errorf("give process %d a clock of its own: %w", pid, err)
		}
		err = errors.Join(err, unix.PtraceDetach(pid))
	}()
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return nil, fmt.Errorf("it did not stop at its first instruction: %v", err)
	}
	var regs unix.PtraceRegs
	if err := errors.Join(unix.PtraceGetRegs(pid, &regs), withoutVDSO(pid, regs.Rsp)); err != nil {
		return nil, err
	}
	fd, err := filterClock(pid, regs)
	if err != nil {
		return nil, err
	}
	c = &clock{listener: os.NewFile(uintptr(fd), "clock")}
	go c.answer()
	return c, nil
}

// withoutVDSO takes the shared page of time out of what the kernel tells a new process, which begins at its stack pointer:
// the count of arguments, they, a null, the environment, a null, and pairs of a kind and a value.
func withoutVDSO(pid int, sp uint64) error {
	nulls := 0
	for at := uintptr(sp) + 8; ; at += 8 {
		word, err := peek(pid, at)
		switch {
		case err != nil:
			return err
		case nulls < 2 && word == 0:
			nulls++
		case nulls == 2 && word == auxVDSO:
			return poke(pid, at, auxIgnored)
		case nulls == 2 && word == 0:
			return nil // it was told of none
		case nulls == 2:
			at += 8
		}
	}
}

func peek(pid int, at uintptr) (uint64, error) {
	b := make([]byte, 8)
	_, err := unix.PtracePeekData(pid, at, b)
	return binary.LittleEndian.Uint64(b), err
}

func poke(pid int, at uintptr, word uint64) error {
	_, err := unix.PtracePokeData(pid, at, binary.LittleEndian.AppendUint64(nil, word))
	return err
}

// filterClock has the stopped process ask for a filter of its system calls, and gives the end at which they are answered.
func filterClock(pid int, regs unix.PtraceRegs) (int, error) {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: unix.SYS_CLOCK_GETTIME},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // its first argument, the low half
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.CLOCK_REALTIME},
		{Code: unix.BPF_RET, K: retNotify},
		{Code: unix.BPF_RET, K: retAllow},
	}
	at := uintptr(regs.Rsp) - 4096 // below what it uses
	var b []byte
	b = binary.LittleEndian.AppendUint64(b, uint64(len(program)))
	b = binary.LittleEndian.AppendUint64(b, uint64(at)+16)
	for _, f := range program {
		b = binary.LittleEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.LittleEndian.AppendUint32(b, f.K)
	}
	if _, err := unix.PtracePokeData(pid, at, b); err != nil {
		return 0, err
	}
	theirs, err := call(pid, regs, sysSeccomp, 1, newListener, uint64(at))
	if err != nil {
		return 0, err
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(process)
	ours, err := unix.PidfdGetfd(process, int(theirs), 0)
	if err != nil {
		return 0, err
	}
	_, err = call(pid, regs, unix.SYS_CLOSE, theirs)
	return ours, err
}

// call has the stopped process make one system call, and leaves it as it was.
func call(pid int, regs unix.PtraceRegs, number uint64, args ...uint64) (uint64, error) {
	at := uintptr(regs.Rip)
	code, err := peek(pid, at)
	if err != nil {
		return 0, err
	}
	const instruction = 0x050f // syscall
	now := regs
	now.Rax, now.Orig_rax = number, ^uint64(0)
	for i, to := range []*uint64{&now.Rdi, &now.Rsi, &now.Rdx} {
		if i < len(args) {
			*to = args[i]
		}
	}
	if err := errors.Join(poke(pid, at, code&^0xffff|instruction), unix.PtraceSetRegs(pid, &now), unix.PtraceSingleStep(pid)); err != nil {
		return 0, err
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return 0, err
	}
	if err := errors.Join(unix.PtraceGetRegs(pid, &now), poke(pid, at, code), unix.PtraceSetRegs(pid, &regs)); err != nil {
		return 0, err
	}
	if answer := int64(now.Rax); answer < 0 {
		return 0, unix.Errno(-answer)
	}
	return now.Rax, nil
}

// set has the clock jump.
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// question and reply are the kernel's struct seccomp_notif and seccomp_notif_resp.
type (
	question struct {
		id         uint64
		pid, flags uint32
		number     int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	reply struct {
		id    uint64
		value int64
		err   int32
		flags uint32
	}
)

// answer answers until the process is gone.
func (c *clock) answer() {
	fd := c.listener.Fd()
	for {
		// Receiving waits for ever for a process that is gone; poll is told.
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || ready[0].Revents&unix.POLLIN == 0 {
			c.listener.Close()
			return
		}
		var q question
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, ioctlReceive, uintptr(unsafe.Pointer(&q))); errno != 0 {
			continue // it was interrupted, and asks again
		}
		r := reply{id: q.id, flags: goOnItself}
		if ahead := c.ahead.Load(); ahead != 0 && give(int(q.pid), uintptr(q.args[1]), time.Now().UnixNano()+ahead) == nil {
			r.flags = 0
		}
		unix.Syscall(unix.SYS_IOCTL, fd, ioctlSend, uintptr(unsafe.Pointer(&r)))
	}
}

// give writes a time where a process wants it.
func give(pid int, at uintptr, ns int64) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(ns/1e9))
	b = binary.LittleEndian.AppendUint64(b, uint64(ns%1e9))
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	_, err := unix.ProcessVMWritev(pid, local, []unix.RemoteIovec{{Base: at, Len: len(b)}}, 0)
	return err
}
