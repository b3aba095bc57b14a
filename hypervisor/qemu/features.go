package qemu

import (
	"context"
	"fmt"
	"slices"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// Features is what a QEMU process can do and what its VM is, found out by asking.
type Features struct {
	Version      qmp.Version
	Accelerator  string // "kvm" or "tcg"
	Machine      string // such as "pc-q35-10.0-machine"
	RAM          vm.Bytes
	Plugged      vm.Bytes // the part of RAM that is in blocks of its own: DIMMs, virtio-mem
	Name         string
	capabilities []string
	parameters   []string
	millisecond  bool     // calc-dirty-rate takes windows below a second
	sampleMode   bool     // calc-dirty-rate has modes
	exitOnError  bool     // migrate-incoming can keep the process after a failure
	packs        []string // what multifd-compression can be
	yanks        bool     // query-yank lists what has connections
}

// Has says whether the migration capability of that name is there.
func (f Features) Has(capability string) bool { return slices.Contains(f.capabilities, capability) }

// Takes says whether the migration parameter of that name is there.
func (f Features) Takes(parameter string) bool { return slices.Contains(f.parameters, parameter) }

// Packs says whether what channels carry can be compressed so.
func (f Features) Packs(by vm.Compression) bool { return slices.Contains(f.packs, string(by)) }

// String names the QEMU as reports do: "QEMU 10.0.2 (tcg)".
func (f Features) String() string { return fmt.Sprintf("QEMU %s (%s)", f.Version, f.Accelerator) }

func probe(ctx context.Context, c *qmp.Conn) (Features, error) {
	f := Features{Version: c.Version(), Accelerator: "tcg"}
	var kvm struct{ Enabled bool }
	if err := c.Do(ctx, "query-kvm", nil, &kvm); err != nil {
		return f, err
	}
	if kvm.Enabled {
		f.Accelerator = "kvm"
	}
	var name struct{ Name string }
	if err := c.Do(ctx, "query-name", nil, &name); err != nil {
		return f, err
	}
	f.Name = name.Name
	if err := c.Do(ctx, "qom-get", map[string]string{"path": "/machine", "property": "type"}, &f.Machine); err != nil {
		return f, err
	}
	var size struct {
		Base    vm.Bytes `json:"base-memory"`
		Plugged vm.Bytes `json:"plugged-memory"`
	}
	if err := c.Do(ctx, "query-memory-size-summary", nil, &size); err != nil {
		return f, err
	}
	f.RAM, f.Plugged = size.Base+size.Plugged, size.Plugged
	caps, err := capabilities(ctx, c)
	if err != nil {
		return f, err
	}
	for name := range caps {
		f.capabilities = append(f.capabilities, name)
	}
	var params map[string]any
	if err := c.Do(ctx, "query-migrate-parameters", nil, &params); err != nil {
		return f, err
	}
	for name := range params {
		f.parameters = append(f.parameters, name)
	}
	return f, f.schema(ctx, c)
}

func capabilities(ctx context.Context, c *qmp.Conn) (map[string]bool, error) {
	var list []struct {
		Capability string
		State      bool
	}
	if err := c.Do(ctx, "query-migrate-capabilities", nil, &list); err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, x := range list {
		all[x.Capability] = x.State
	}
	return all, nil
}

// schema reads from query-qmp-schema which arguments the commands take that differ between versions.
func (f *Features) schema(ctx context.Context, c *qmp.Conn) error {
	var entries []struct {
		Name    string
		Meta    string `json:"meta-type"`
		Arg     string `json:"arg-type"`
		Members []struct{ Name, Type string }
	}
	if err := c.Do(ctx, "query-qmp-schema", nil, &entries); err != nil {
		return err
	}
	members := map[string][]string{} // of an enumeration, too: its values
	args := map[string]string{}
	types := map[string]string{}
	for _, e := range entries {
		for _, m := range e.Members {
			members[e.Name] = append(members[e.Name], m.Name)
			types[e.Name+"."+m.Name] = m.Type
		}
		if e.Meta == "command" {
			args[e.Name] = e.Arg
		}
	}
	takes := func(command, arg string) bool { return slices.Contains(members[args[command]], arg) }
	f.millisecond = takes("calc-dirty-rate", "calc-time-unit")
	f.sampleMode = takes("calc-dirty-rate", "mode")
	f.exitOnError = takes("migrate-incoming", "exit-on-error")
	_, f.yanks = args["query-yank"]
	f.packs = members[types[args["migrate-set-parameters"]+"."+compression]]
	return nil
}
