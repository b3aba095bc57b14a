package qemu

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// holds has a QEMU tell of devices by the folder that it keeps them in.
func (f *fake) holds(folders map[string][]string) {
	f.reply("qom-list", func(c qmptest.Command) (any, error) {
		list := []object{{"name": "type", "type": "string"}}
		for folder, types := range folders {
			if !strings.Contains(string(c.Arguments), `"`+folder+`"`) {
				continue
			}
			for _, kind := range types {
				list = append(list, object{"name": "x", "type": "child<" + kind + ">"})
			}
		}
		return list, nil
	})
}

// TestDevices: a VM is not moved to where a device of its own is missing, be it plugged in after everything was checked.
func TestDevices(t *testing.T) {
	disk := map[string][]string{named: {"virtio-blk-pci"}, unnamed: {"virtio-net-pci"}}
	two := map[string][]string{named: {"virtio-blk-pci", "virtio-rng-pci"}, unnamed: {"virtio-net-pci"}}
	for _, tt := range []struct {
		name          string
		source        map[string][]string
		plugged       map[string][]string // what the source has once walm has looked; nil: the same
		late          map[string][]string // and once the migration was asked for
		destination   map[string][]string
		found, refuse string
		undone        string
	}{
		{"the same", disk, nil, nil, disk, "", "", ""},
		{"the destination has more", disk, nil, nil, two, "", "", ""},
		{"an old option made it", disk, nil, nil, map[string][]string{named: {"virtio-blk-pci"}, others: {"virtio-net-pci"}}, "", "", ""},
		{"one is missing", two, nil, nil, disk, "no virtio-rng-pci", "no virtio-rng-pci", ""},
		{"plugged in before the start", disk, two, nil, disk, "", "no virtio-rng-pci", ""},
		{"plugged in at the start", disk, nil, two, disk, "", "", "does not have: virtio-rng-pci"},
		{"plugged in at the start, at both", disk, nil, two, two, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, destination := newFake("7.2.22"), waiting("7.2.22")
				p := pairOf(t, source, destination)
				source.holds(tt.source)
				destination.holds(tt.destination)
				said := func(what string, err error, words string) {
					if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
						t.Errorf("%s: %v; want %q", what, err, words)
					}
				}
				found, err := p.Check(t.Context())
				var all []error
				for _, f := range found {
					all = append(all, f)
				}
				said("check", errors.Join(append(all, err)...), tt.found)
				if tt.plugged != nil {
					source.holds(tt.plugged)
				}
				err = p.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)})
				said("prepare", err, tt.refuse)
				if err != nil {
					return
				}
				if tt.late != nil {
					source.holds(tt.late)
				}
				said("start", p.Do(t.Context(), vm.Act{Kind: vm.ActStart, Method: vm.PostCopy, Params: vm.DefaultParams(vm.PostCopy)}), tt.undone)
			})
		})
	}
}

// TestDevicesNotTold: a QEMU that does not tell of its devices is not held against anything.
func TestDevicesNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("7.2.22"), waiting("7.2.22")
		p := pairOf(t, source, destination)
		source.holds(map[string][]string{named: {"virtio-blk-pci"}})
		destination.reply("qom-list", func(qmptest.Command) (any, error) { return nil, errors.New("no such path") })
		if types, err := p.lacks(t.Context()); err != nil || len(types) > 0 {
			t.Errorf("lacks %q, %v", types, err)
		}
	})
}
