package qemu

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"walm/vm"
)

// drive is a disk that the VM can write to, at both ends.
type drive struct {
	qdev     string // its device, which both ends call the same
	from, to string // its node at the source and at the destination
	size     vm.Bytes
}

// blockInfo is query-block's answer, as far as walm reads it.
type blockInfo struct {
	Device   string
	Qdev     string
	Inserted *struct {
		Node     string `json:"node-name"`
		ReadOnly bool   `json:"ro"`
		Image    struct {
			Size vm.Bytes `json:"virtual-size"`
		}
	}
}

func (v *VM) blocks(ctx context.Context) ([]blockInfo, error) {
	var all []blockInfo
	err := v.conn.Do(ctx, "query-block", nil, &all)
	return slices.DeleteFunc(all, func(b blockInfo) bool { return b.Inserted == nil || b.Inserted.ReadOnly }), err
}

func (b blockInfo) name() string {
	if b.Qdev != "" {
		return b.Qdev
	}
	return b.Device
}

// drives are the disks to copy. What the destination lacks is an error.
func (p *Pair) drives(ctx context.Context) ([]drive, error) {
	from, err := p.Source.blocks(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the source for its disks: %w", err)
	}
	to, err := p.Destination.blocks(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the destination for its disks: %w", err)
	}
	var all []drive
	for _, b := range from {
		i := slices.IndexFunc(to, func(other blockInfo) bool { return other.name() == b.name() })
		if i < 0 {
			return nil, fmt.Errorf("the destination has no disk %s: start it with an empty image of %v as the source's",
				b.name(), b.Inserted.Image.Size)
		}
		d := drive{b.name(), b.Inserted.Node, to[i].Inserted.Node, b.Inserted.Image.Size}
		if has := to[i].Inserted.Image.Size; has != d.size {
			return nil, fmt.Errorf("disk %s has %v at the source and %v at the destination: give it an empty image of the same size",
				d.qdev, d.size, has)
		}
		all = append(all, d)
	}
	return all, nil
}

// nbdAddress is where the destination serves its disks to the source: the port after the migration's.
func (p *Pair) nbdAddress() (host, port string, err error) {
	host, base, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return "", "", fmt.Errorf("find an address for the disks next to %q: %w", p.Listen, err)
	}
	n, err := strconv.ParseUint(base, 10, 16)
	if err != nil || n == 0 || n == 65535 {
		return "", "", fmt.Errorf("find a port for the disks after that of %s: it must be between 1 and 65534", p.Listen)
	}
	return host, strconv.FormatUint(n+1, 10), nil
}

// The names that walm gives to what it adds for a copy.
func (d drive) export() string { return "walm-" + d.to }
func (d drive) target() string { return "walm-to-" + d.from }
func (d drive) job() string    { return "walm-copy-" + d.from }

// open has the destination serve its disks, and the source begin to copy its own there. In write-blocking mode a write of
// the guest ends once it is at both ends, so that the copy, once it has caught up, stays so.
func (p *Pair) openDrives(ctx context.Context, all []drive, rate vm.Rate) error {
	host, port, err := p.nbdAddress()
	if err != nil {
		return err
	}
	src, dst := p.Source.conn, p.Destination.conn
	inet := map[string]any{"host": host, "port": port}
	serve, reach := map[string]any{"addr": map[string]any{"type": "inet", "data": inet}}, map[string]any{}
	if t := p.TLS; t != nil {
		serve["tls-creds"], reach["tls-creds"] = tlsServer, tlsClient
		if name := t.name(p.Listen); name != "" {
			reach["tls-hostname"] = name
		}
		serve["tls-authz"] = tlsAllow
	}
	err = dst.Do(ctx, "nbd-server-start", serve, nil)
	if err != nil {
		return fmt.Errorf("have the destination take disks on port %s (is it taken?): %w", port, err)
	}
	for _, d := range all {
		if err := dst.Do(ctx, "block-export-add", map[string]any{"type": "nbd", "id": d.export(), "node-name": d.to,
			"name": d.export(), "writable": true}, nil); err != nil {
			return fmt.Errorf("have the destination take disk %s: %w", d.qdev, err)
		}
		node := map[string]any{"driver": "nbd", "node-name": d.target(), "export": d.export(),
			"server": map[string]any{"type": "inet", "host": host, "port": port}}
		maps.Copy(node, reach)
		if err := src.Do(ctx, "blockdev-add", node, nil); err != nil {
			return fmt.Errorf("reach disk %s of the destination from the source: %w", d.qdev, err)
		}
		if err := src.Do(ctx, "blockdev-mirror", map[string]any{"job-id": d.job(), "device": d.from, "target": d.target(),
			"sync": "full", "copy-mode": "write-blocking", "speed": int64(rate), "auto-dismiss": false}, nil); err != nil {
			return fmt.Errorf("copy disk %s: %w", d.qdev, err)
		}
	}
	return nil
}

// closeDrives takes away what openDrives made, however far that came.
func (p *Pair) closeDrives(ctx context.Context, all []drive) error {
	jobs, err := p.Source.jobs(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if j, ok := jobs[d.job()]; ok {
			if j.Status != jobConcluded {
				if err := p.Source.conn.Do(ctx, "block-job-cancel", map[string]any{"device": d.job(), "force": true}, nil); err != nil {
					return err
				}
			}
			if _, err := p.Source.concluded(ctx, d.job()); err != nil {
				return err
			}
		}
		// It is not there where it was not added, and there is nothing to do about another failure.
		_ = p.Source.conn.Do(ctx, "blockdev-del", map[string]any{"node-name": d.target()}, nil)
	}
	if p.Destination.ended() {
		return nil
	}
	_ = p.Destination.conn.Do(ctx, "nbd-server-stop", nil, nil) // likewise
	return nil
}

// finishDrives ends copies that have caught up, while no vCPU runs: then both ends hold the same, and the destination
// may have its disks to itself.
func (p *Pair) finishDrives(ctx context.Context, all []drive) error {
	for _, d := range all { // of a mirror that has caught up, a cancel is what leaves the copy whole and the source as it is
		if err := p.Source.conn.Do(ctx, "block-job-cancel", map[string]any{"device": d.job()}, nil); err != nil {
			return fmt.Errorf("finish the copy of disk %s: %w", d.qdev, err)
		}
	}
	for _, d := range all {
		failure, err := p.Source.concluded(ctx, d.job())
		if err == nil && failure != "" {
			err = fmt.Errorf("QEMU says %s", failure)
		}
		if err == nil {
			err = p.Source.conn.Do(ctx, "blockdev-del", map[string]any{"node-name": d.target()}, nil)
		}
		if err != nil {
			return fmt.Errorf("finish the copy of disk %s: %w", d.qdev, err)
		}
	}
	return p.Destination.conn.Do(ctx, "nbd-server-stop", nil, nil)
}
