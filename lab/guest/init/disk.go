package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"walm/lab/guest/load"
	"walm/vm"
)

// diskWriter writes numbered blocks to the end of the guest's disk. Its work is blocks that the disk has said it holds.
type diskWriter struct {
	fd     int
	region int64 // where it begins on the disk
	run    uint64
	page   []byte
	wrote  atomic.Uint64
	failed atomic.Pointer[error]
	done   chan struct{}
	ended  sync.WaitGroup
}

func startDisk(p load.Part) (device, error) {
	fd, err := unix.Open(diskDevice, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", diskDevice, err)
	}
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err == nil && size < int64(load.DiskRegion) {
		err = fmt.Errorf("it has %v, and %v are needed", vm.Bytes(size), load.DiskRegion)
	}
	var page []byte
	if err == nil { // a mapping, because direct access wants its memory aligned
		page, err = unix.Mmap(-1, 0, int(vm.Page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", diskDevice, err)
	}
	w := &diskWriter{fd: fd, region: size - int64(load.DiskRegion), run: uint64(time.Now().UnixNano()), page: page,
		done: make(chan struct{})}
	w.ended.Go(func() { w.loop(p.Rate) })
	return w, nil
}

// loop writes at a rate, or flat out. What a stall of more than 100 ms keeps it from writing is lost work.
func (w *diskWriter) loop(rate int) {
	if rate == 0 {
		return
	}
	from, sent := time.Now(), 0
	for n := uint64(1); ; n++ {
		var wait time.Duration
		if rate != load.Max {
			due := time.Duration(float64(sent) / float64(rate) * float64(time.Second))
			if wait = due - time.Since(from); wait < -100*time.Millisecond {
				from, sent = time.Now(), 0
			}
		}
		select {
		case <-w.done:
			return
		case <-time.After(wait):
		}
		if err := w.write(load.Block{Run: w.run, N: n}); err != nil {
			w.failed.Store(&err)
			return
		}
		w.wrote.Store(n)
		sent++
	}
}

// write puts a block on the disk, after a look at what it replaces.
func (w *diskWriter) write(b load.Block) error {
	at := w.region + b.Offset()
	if _, err := unix.Pread(w.fd, w.page, at); err != nil {
		return fmt.Errorf("read the place of block %d: %w", b.N, err)
	}
	if err := b.Replaces(w.page); err != nil {
		return err
	}
	b.Put(w.page)
	if _, err := unix.Pwrite(w.fd, w.page, at); err != nil {
		return fmt.Errorf("write block %d: %w", b.N, err)
	}
	if err := unix.Fsync(w.fd); err != nil {
		return fmt.Errorf("have block %d on the disk: %w", b.N, err)
	}
	return nil
}

func (w *diskWriter) Ops() uint64 { return w.wrote.Load() }

func (w *diskWriter) Err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *diskWriter) Close() error {
	close(w.done)
	w.ended.Wait()
	if err := unix.Munmap(w.page); err != nil {
		return err
	}
	return unix.Close(w.fd)
}
