package qemu

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// TestRecord makes the transcripts in testdata/$WALM_RECORD anew, with the QEMU that WALM_QEMU names:
//
//	WALM_QEMU=/usr/bin/qemu-system-x86_64 WALM_RECORD=10.0 go test ./hypervisor/qemu -run TestRecord
func TestRecord(t *testing.T) {
	version := os.Getenv("WALM_RECORD")
	if version == "" {
		t.Skip("WALM_RECORD does not say which version's transcripts to make anew")
	}
	dir := filepath.Join("testdata", version)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Run("open", func(t *testing.T) {
		q := startQEMU(t, 0)
		var transcript bytes.Buffer
		record(t, qmptest.NewRecorder(&transcript), "", q, func(path string) {
			v, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			v.Close()
		})
		save(t, filepath.Join(dir, "open.qmp.gz"), transcript.Bytes())
	})
	for _, m := range moves {
		t.Run(m.name, func(t *testing.T) { recordMove(t, dir, m) })
	}
}

func recordMove(t *testing.T, dir string, m move) {
	source, destination := startQEMU(t, 0), startQEMU(t, m.memory, "-incoming", "defer")
	source.settle(t)
	var transcript bytes.Buffer
	var told string
	r := qmptest.NewRecorder(&transcript)
	record(t, r, string(vm.Source), source, func(from string) {
		record(t, r, string(vm.Destination), destination, func(to string) {
			src, err := Open(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			dst, err := Open(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			defer dst.Close()
			told = tell(m.carry(t, src, dst))
		})
	})
	entries, err := qmptest.ReadTranscript(&transcript)
	if err != nil {
		t.Fatal(err)
	}
	var trimmed bytes.Buffer
	for _, e := range trim(t, entries) {
		if err := qmptest.WriteEntry(&trimmed, e); err != nil {
			t.Fatal(err)
		}
	}
	save(t, filepath.Join(dir, m.name+".qmp.gz"), trimmed.Bytes())
	if err := os.WriteFile(filepath.Join(dir, m.name+".events"), []byte(told), 0o666); err != nil {
		t.Fatal(err)
	}
}

// record has f talk to a QEMU through a recorder.
func record(t *testing.T, r *qmptest.Recorder, name string, q *process, f func(path string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	path := q.dir + "/recorded"
	wait, err := r.Record(ctx, name, path, q.dir+"/qmp")
	if err != nil {
		t.Fatal(err)
	}
	f(path)
	cancel()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// trim leaves of query-qmp-schema's answers, a quarter of a megabyte each, what concerns the commands that are looked up.
func trim(t *testing.T, entries []qmptest.Entry) []qmptest.Entry {
	type object = map[string]any
	keep := []string{"calc-dirty-rate", "migrate-incoming", "migrate", "migrate-set-parameters", "query-yank"}
	asked := map[string]bool{}
	for i, e := range entries {
		var m struct {
			Execute string
			ID      json.RawMessage
			Return  []object
		}
		if json.Unmarshal(e.Msg, &m) != nil {
			continue
		}
		id := e.Peer + string(m.ID)
		switch {
		case e.Dir == qmptest.ToQEMU && m.Execute == "query-qmp-schema":
			asked[id] = true
		case e.Dir == qmptest.FromQEMU && asked[id] && m.Return != nil:
			names := slices.Clone(keep)
			for _, x := range m.Return {
				if name, _ := x["name"].(string); slices.Contains(keep, name) {
					names = append(names, x["arg-type"].(string))
				}
			}
			for _, x := range m.Return {
				members, _ := x["members"].([]any)
				for _, y := range members {
					if member, _ := y.(object); slices.Contains(names, x["name"].(string)) && member["name"] == compression {
						names = append(names, member["type"].(string))
					}
				}
			}
			m.Return = slices.DeleteFunc(m.Return, func(x object) bool {
				name, _ := x["name"].(string)
				return !slices.Contains(names, name)
			})
			msg, err := json.Marshal(object{"return": m.Return, "id": m.ID})
			if err != nil {
				t.Fatal(err)
			}
			entries[i].Msg = msg
		}
	}
	return entries
}

func save(t *testing.T, file string, text []byte) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(text)
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// process is a real QEMU with a guest that writes memory.
type process struct {
	dir string
	vm  *qmp.Conn // on a second monitor
}

// startQEMU starts a QEMU with memory, 64 MiB if that is 0.
func startQEMU(t *testing.T, memory vm.Bytes, args ...string) *process {
	t.Helper()
	binary := os.Getenv("WALM_QEMU")
	if binary == "" {
		t.Skip("WALM_QEMU names no QEMU")
	}
	if memory == 0 {
		memory = LabRAM(64*vm.MiB, 7)
	}
	dir, err := os.MkdirTemp("", "walm") // t.TempDir's name can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	disk := dir + "/disk"
	if err := os.WriteFile(disk, bootSector(), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{
		"-name", "recorded", "-nodefaults", "-no-user-config", "-display", "none",
		"-machine", "pc-q35-7.2", "-accel", "tcg", "-cpu", "qemu64", "-m", strconv.Itoa(int(memory/vm.KiB)) + "K",
		"-drive", "if=none,id=disk,format=raw,readonly=on,file=" + disk, "-device", "virtio-blk-pci,drive=disk",
		"-qmp", "unix:" + dir + "/qmp,server=on,wait=off", "-qmp", "unix:" + dir + "/aside,server=on,wait=off"},
		args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		os.RemoveAll(dir)
	})
	for {
		c, err := net.Dial("unix", dir+"/aside")
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("QEMU ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	c, err := qmp.Dial(t.Context(), dir+"/aside")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &process{dir: dir, vm: c}
}

// settle waits until the guest has booted and writes.
func (q *process) settle(t *testing.T) {
	t.Helper()
	const last = 0x8fffe // of what the guest writes
	for {
		var out string
		args := map[string]string{"command-line": "xp /1hx " + strconv.Itoa(last)}
		if err := q.vm.Do(t.Context(), "human-monitor-command", args, &out); err != nil {
			t.Fatal(err)
		}
		if fields := strings.Fields(out); len(fields) == 2 && fields[1] != "0x0000" {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the guest never wrote its memory: %q", out)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// bootSector is a guest without an operating system: it writes 512 KiB from 0x10000 on, 64 KiB at each tick of the BIOS'
// clock, 18.2 a second.
func bootSector() []byte {
	code := []byte{
		0xfb,             // sti
		0xb8, 0x00, 0x10, // again: mov ax, 0x1000
		0x8e, 0xc0, // segment: mov es, ax
		0x31, 0xff, // xor di, di
		0xb9, 0x00, 0x80, // mov cx, 0x8000
		0x26, 0xff, 0x05, // word: inc word [es:di]
		0x47, 0x47, // inc di; inc di
		0xe2, 0xf9, // loop word
		0xf4,             // hlt
		0x05, 0x00, 0x10, // add ax, 0x1000
		0x3d, 0x00, 0x90, // cmp ax, 0x9000
		0x72, 0xe9, // jb segment
		0xeb, 0xe4, // jmp again
	}
	disk := make([]byte, 1<<20) // SeaBIOS boots from no disk without a cylinder
	copy(disk, code)
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}
