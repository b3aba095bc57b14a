package qemu

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// fake is a QEMU that keeps its settings as a real one does, and otherwise says what a test sets. It is made for a
// synctest bubble; with a socket (see path) it works outside too.
type fake struct {
	version string
	peer    *qmptest.Peer
	gone    chan struct{} // closed when it serves no more

	mu        sync.Mutex
	caps      map[string]bool
	params    map[string]any
	run       vm.RunState
	migration map[string]any
	thread    int             // of its first vCPU
	words     []object        // of its CPU's features
	features  map[string]bool // of its CPU, by name
	machines  []string
	blocks    string // what info ramblock says; empty: there is no such command
	// on answers a command in place of the fake. A nil answer leaves it unanswered, as a QEMU that hangs does.
	on   map[string]func(qmptest.Command) (any, error)
	sent []string // what was asked of it, but queries
}

type object = map[string]any

// silence is the answer of a QEMU that hangs.
func silence(qmptest.Command) (any, error) { return nil, nil }

func newFake(version string) *fake {
	f := &fake{version: version, gone: make(chan struct{}), caps: map[string]bool{}, params: map[string]any{}, run: vm.RunStateRunning,
		migration: object{}, thread: 100, words: []object{}, machines: []string{"pc-q35-7.2", "q35"}, on: map[string]func(qmptest.Command) (any, error){}}
	for _, name := range managed {
		if name != "mapped-ram" || !strings.HasPrefix(version, "7") {
			f.caps[name] = false
		}
	}
	for _, name := range []string{"max-bandwidth", "downtime-limit", "max-postcopy-bandwidth", "cpu-throttle-initial",
		"cpu-throttle-increment", "max-cpu-throttle", "multifd-channels"} {
		f.params[name] = float64(1000 + len(f.params))
	}
	f.params[compression] = "zlib" // left on by somebody
	return f
}

// waiting is a fake that was started with -incoming defer.
func waiting(version string) *fake {
	f := newFake(version)
	f.run, f.thread = vm.RunStateInmigrate, 200
	return f
}

// open connects to f without a socket.
func (f *fake) open(t *testing.T) *VM {
	t.Helper()
	client, server := net.Pipe()
	f.peer = qmptest.NewPeer(server)
	go f.serve(f.peer)
	c, err := qmp.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-f.gone
	})
	features, err := probe(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f.did() // nothing of that
	return &VM{Features: features, Path: "fake", conn: c}
}

// path has f listen on a socket.
func (f *fake) path(t *testing.T) string {
	return qmptest.Serve(t, func(p *qmptest.Peer) {
		f.mu.Lock()
		f.peer, f.gone = p, make(chan struct{})
		f.mu.Unlock()
		f.serve(p)
	})
}

func (f *fake) serve(p *qmptest.Peer) {
	defer close(f.gone)
	if !p.Greet(f.version) {
		return
	}
	for {
		c, ok := p.Next()
		if !ok {
			return
		}
		switch answer, err := f.answer(c); {
		case err != nil:
			p.Fail(c, "GenericError", err.Error())
		case answer != nil:
			p.Return(c, answer)
		}
	}
}

func (f *fake) answer(c qmptest.Command) (any, error) {
	f.mu.Lock()
	if !strings.HasPrefix(c.Name, "query-") && c.Name != "qom-list" {
		f.sent = append(f.sent, strings.TrimSpace(c.Name+" "+string(c.Arguments)))
	}
	if on := f.on[c.Name]; on != nil {
		f.mu.Unlock()
		return on(c)
	}
	defer f.mu.Unlock()
	switch c.Name {
	case "query-kvm":
		return object{"enabled": false, "present": true}, nil
	case "query-name":
		return object{"name": "fake"}, nil
	case "qom-get":
		if strings.Contains(string(c.Arguments), "feature-words") {
			return f.words, nil
		}
		if name, ok := property(c); ok && f.features != nil && name != "type" {
			return f.features[name], nil
		}
		if strings.Contains(string(c.Arguments), "/machine/") {
			return "qemu64-x86_64-cpu", nil
		}
		return "pc-q35-7.2-machine", nil
	case "qom-list":
		list := []object{{"name": "type", "type": "string"}}
		for _, name := range slices.Sorted(maps.Keys(f.features)) {
			list = append(list, object{"name": name, "type": "bool"})
		}
		return list, nil
	case "query-machines":
		list := []object{}
		for _, name := range f.machines {
			list = append(list, object{"name": name})
		}
		return list, nil
	case "human-monitor-command":
		if f.blocks != "" && strings.Contains(string(c.Arguments), "info ramblock") {
			return f.blocks, nil
		}
	case "query-memory-size-summary":
		return object{"base-memory": 64*vm.MiB + 8*vm.KiB, "plugged-memory": 0}, nil
	case "query-qmp-schema":
		known := []object{
			{"name": "calc-dirty-rate", "meta-type": "command", "arg-type": "1"},
			{"name": "1", "meta-type": "object", "members": []object{{"name": "calc-time"}, {"name": "mode"}}},
			{"name": "migrate-set-parameters", "meta-type": "command", "arg-type": "2"},
			{"name": "2", "meta-type": "object", "members": []object{{"name": "multifd-compression", "type": "3"}}},
			{"name": "3", "meta-type": "enum", "members": []object{{"name": "none"}, {"name": "zstd"}}},
		}
		if !strings.HasPrefix(f.version, "5.") {
			known = append(known, object{"name": "query-yank", "meta-type": "command", "arg-type": "0"})
		}
		return known, nil
	case "query-yank":
		if !strings.HasPrefix(f.version, "5.") {
			return []object{}, nil
		}
	case "query-migrate-capabilities":
		list := []object{}
		for _, name := range slices.Sorted(maps.Keys(f.caps)) {
			list = append(list, object{"capability": name, "state": f.caps[name]})
		}
		return list, nil
	case "migrate-set-capabilities":
		return f.setCapabilities(c.Arguments)
	case "query-migrate-parameters":
		return maps.Clone(f.params), nil
	case "migrate-set-parameters":
		return f.setParameters(c.Arguments)
	case "query-status":
		return object{"status": f.run}, nil
	case "query-migrate":
		return maps.Clone(f.migration), nil
	case "query-cpus-fast":
		return []object{{"thread-id": f.thread, "qom-path": "/machine/unattached/device[0]"}}, nil
	case "migrate":
		f.migration = object{"status": "setup"}
		return object{}, nil
	case "migrate-incoming", "migrate-start-postcopy", "migrate_cancel", "stop", "cont":
		return object{}, nil
	case "getfd":
		c.File.Close()
		return object{}, nil
	}
	return nil, fmt.Errorf("the fake has no %s", c.Name)
}

// property is the one that a command gets or sets.
func property(c qmptest.Command) (name string, ok bool) {
	var args struct{ Property string }
	err := json.Unmarshal(c.Arguments, &args)
	return args.Property, err == nil && args.Property != ""
}

func (f *fake) setCapabilities(arguments json.RawMessage) (any, error) {
	var args struct {
		Capabilities []struct {
			Capability string
			State      bool
		}
	}
	if err := json.Unmarshal(arguments, &args); err != nil {
		return nil, err
	}
	for _, c := range args.Capabilities {
		if _, ok := f.caps[c.Capability]; !ok {
			return nil, fmt.Errorf("parameter 'capability' does not accept value '%s'", c.Capability)
		}
		f.caps[c.Capability] = c.State
	}
	return object{}, nil
}

func (f *fake) setParameters(arguments json.RawMessage) (any, error) {
	var args object
	if err := json.Unmarshal(arguments, &args); err != nil {
		return nil, err
	}
	for name, value := range args {
		if _, ok := f.params[name]; !ok {
			return nil, fmt.Errorf("parameter '%s' is unexpected", name)
		}
		f.params[name] = value
	}
	return object{}, nil
}

// reply has answer answer a command.
func (f *fake) reply(command string, answer func(qmptest.Command) (any, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on[command] = answer
}

// did is what was asked of f since the last call, but queries.
func (f *fake) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := f.sent
	f.sent = nil
	return sent
}

// is sets the state that f tells when it is asked.
func (f *fake) is(run vm.RunState, migration object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run, f.migration = run, migration
}

// says sends an event. data is JSON, or empty.
func (f *fake) says(name, data string) {
	e := qmp.Event{Name: name, At: time.Now()}
	if data != "" {
		e.Data = json.RawMessage(data)
	}
	f.peer.Event(e)
}

// status sends a status event.
func (f *fake) status(s vm.Status) { f.says("MIGRATION", fmt.Sprintf(`{"status": %q}`, s)) }

// pairOf joins two fakes.
func pairOf(t *testing.T, source, destination *fake) *Pair {
	t.Helper()
	p := NewPair(source.open(t), destination.open(t), listen, t.TempDir())
	t.Cleanup(func() { p.Close() })
	return p
}

// do carries an act out and wants it accepted.
func do(t *testing.T, p *Pair, kind vm.ActKind, m vm.Method, params vm.Params) {
	t.Helper()
	if err := p.Do(t.Context(), vm.Act{Kind: kind, Method: m, Params: params}); err != nil {
		t.Fatal(err)
	}
}

// next is the next event of one of the kinds.
func next(t *testing.T, p *Pair, kinds ...vm.EventKind) vm.Event {
	t.Helper()
	for {
		select {
		case e, ok := <-p.Events():
			if !ok {
				t.Fatalf("no more events, want one of %s", kinds)
			}
			if slices.Contains(kinds, e.Kind) {
				return e
			}
		case <-time.After(time.Minute):
			t.Fatalf("no event of %s", kinds)
		}
	}
}

// wants checks that err says all the words.
func wants(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one of %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}
