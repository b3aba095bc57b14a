package qemu

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("10.0.2")
		v := f.open(t)
		v.RAM = vm.GiB
		f.reply("query-balloon", func(qmptest.Command) (any, error) { return object{"actual": int64(768 * vm.MiB)}, nil })
		u, err := v.Usage(t.Context())
		if err != nil || u.Balloon != 256*vm.MiB || u.Resident != 0 || !strings.Contains(strings.Join(u.Unknown, ";"), "none of this host's") {
			t.Errorf("%+v, %v", u, err)
		}
		f.reply("query-balloon", func(qmptest.Command) (any, error) { return nil, errors.New("No balloon device has been activated") })
		if u, err := v.Usage(t.Context()); err != nil || u.Balloon != 0 {
			t.Errorf("without a balloon: %+v, %v", u, err)
		}
	})
}
