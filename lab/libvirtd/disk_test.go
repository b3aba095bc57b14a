package libvirtd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/hypervisor/qemu"
)

func TestDiskXML(t *testing.T) {
	iscsi := func(lun int) map[string]any {
		return map[string]any{"driver": "iscsi", "transport": "tcp", "portal": "10.0.0.3:3260", "target": "iqn.x:d", "lun": lun}
	}
	for _, tt := range []struct {
		name string
		node qemu.Node
		want string
	}{
		{"nbd", qemu.Node{"driver": "raw", "file": map[string]any{"driver": "nbd", "export": "disk",
			"server": map[string]any{"type": "inet", "host": "10.0.0.3", "port": "10809"}}},
			`<disk type="network" device="disk"><driver type="raw" name="qemu" cache="none"></driver>` +
				`<source protocol="nbd" name="disk"><host name="10.0.0.3" port="10809"></host></source>` +
				`<target dev="vda" bus="virtio"></target></disk>`},
		{"iscsi, on a base", qemu.Node{"driver": "qcow2", "file": iscsi(1),
			"backing": map[string]any{"driver": "raw", "read-only": true, "file": iscsi(2)}},
			`<disk type="network" device="disk"><driver type="qcow2" name="qemu" cache="none"></driver>` +
				`<source protocol="iscsi" name="iqn.x:d/1"><host name="10.0.0.3" port="3260"></host></source>` +
				`<backingStore type="network"><format type="raw"></format>` +
				`<source protocol="iscsi" name="iqn.x:d/2"><host name="10.0.0.3" port="3260"></host></source>` +
				`<backingStore></backingStore></backingStore><target dev="vda" bus="virtio"></target></disk>`},
		{"nfs", qemu.Node{"driver": "qcow2", "file": map[string]any{"driver": "nfs", "path": "/disks/a&b",
			"server": map[string]any{"type": "inet", "host": "10.0.0.3"}}},
			`<disk type="network" device="disk"><driver type="qcow2" name="qemu" cache="none"></driver>` +
				`<source protocol="nfs" name="/disks/a&amp;b"><host name="10.0.0.3"></host>` +
				`<identity user="0" group="0"></identity></source><target dev="vda" bus="virtio"></target></disk>`},
	} {
		d, err := fromNode(tt.node)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.XML()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if text, err := (Disk{}).XML(); text != "" || err != nil {
		t.Errorf("no disk is %q, %v", text, err)
	}
	if text, err := Local("images/x").XML(); err != nil || !strings.Contains(text, `file="/var/lib/libvirt/images/x"`) {
		t.Errorf("a local disk is %q, %v", text, err)
	}
	if _, err := fromNode(qemu.Node{"driver": "raw", "file": map[string]any{"driver": "rbd"}}); err == nil {
		t.Error("a driver that libvirt's description does not know was described")
	}
}
