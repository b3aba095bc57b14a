package virsh

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

func TestParse(t *testing.T) {
	base := func(change func(*Line)) Line {
		l := Line{Domain: "vm1", Destination: "qemu+tcp://b/system"}
		change(&l)
		return l
	}
	for _, tt := range []struct {
		text string
		want Line
	}{
		{"virsh migrate vm1 qemu+tcp://b/system", base(func(*Line) {})},
		{"virsh migrate --live vm1 qemu+tcp://b/system", base(func(l *Line) { l.Live = true })},
		{"/usr/bin/virsh -q -c qemu:///system migrate vm1 qemu+tcp://b/system --live --p2p --tunnelled=x", Line{}}, // refused below
		{"virsh -c qemu:///system migrate vm1 --live --p2p qemu+tcp://b/system --verbose",
			base(func(l *Line) { l.Connect, l.Live, l.P2P, l.Verbose = "qemu:///system", true, true, true })},
		{"virsh --connect=qemu:///system -k0 -K 5 -t migrate vm1 qemu+tcp://b/system", base(func(l *Line) { l.Connect = "qemu:///system" })},
		{"virsh -cqemu:///system migrate vm1 qemu+tcp://b/system", base(func(l *Line) { l.Connect = "qemu:///system" })},
		{"virsh 'migrate --live vm1 qemu+tcp://b/system'", base(func(l *Line) { l.Live = true })},
		{"virsh migrate --desturi qemu+tcp://b/system vm1", base(func(*Line) {})},
		{"virsh migrate --domain=vm1 --desturi=qemu+tcp://b/system", base(func(*Line) {})},
		{"virsh migrate vm1 qemu+tcp://b/system tcp://10.0.0.2", base(func(l *Line) { l.MigrateURI = "tcp://10.0.0.2" })},
		{"virsh migrate --migrateuri tcp://10.0.0.2:49200 vm1 qemu+tcp://b/system", base(func(l *Line) { l.MigrateURI = "tcp://10.0.0.2:49200" })},
		{"virsh migrate --live --bandwidth 100 --postcopy --postcopy-bandwidth=50 vm1 qemu+tcp://b/system", base(func(l *Line) {
			l.Live, l.Postcopy, l.Bandwidth, l.PostcopyBandwidth = true, true, 100<<20, 50<<20
		})},
		{"virsh migrate --live --timeout 30 vm1 qemu+tcp://b/system", base(func(l *Line) { l.Live, l.Timeout = true, 30*time.Second })},
		{"virsh migrate --live --copy-storage-all --migrate-disks vda,vdb --disks-port 49153 vm1 qemu+tcp://b/system", base(func(l *Line) {
			l.Live, l.CopyAll, l.Disks, l.DisksPort = true, true, []string{"vda", "vdb"}, 49153
		})},
		{"virsh migrate --persistent --undefinesource --tls --tls-destination b.example vm1 qemu+tcp://b/system", base(func(l *Line) {
			l.Persistent, l.UndefineSource, l.TLS, l.TLSDestination = true, true, true, "b.example"
		})},
		{`virsh migrate "my vm" 'qemu+unix:///system?socket=/run/b sock'`, Line{Domain: "my vm", Destination: "qemu+unix:///system?socket=/run/b sock"}},
		{"virsh migrate \\\n  --live \\\n  vm1 qemu+tcp://b/system", base(func(l *Line) { l.Live = true })},
		{`virsh migrate my\ vm x"y\"z"`, Line{Domain: "my vm", Destination: `xy"z`}},
		{"virsh migrate -- --vm qemu+tcp://b/system", Line{Domain: "--vm", Destination: "qemu+tcp://b/system"}},
	} {
		got, err := Parse(tt.text)
		if reflect.DeepEqual(tt.want, Line{}) {
			if err == nil {
				t.Errorf("%s: %+v; want it refused", tt.text, got)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n%+v, %v; want\n%+v", tt.text, got, err, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	const end = " vm1 qemu+tcp://b/system"
	for text, words := range map[string]string{
		"":                                               "does not begin with virsh",
		"sudo virsh migrate" + end:                       "does not begin with virsh",
		"virsh":                                          "has no command",
		"virsh -c":                                       "-c has no value",
		"virsh -c qemu:///system":                        "has no command",
		"virsh -x migrate" + end:                         "unknown option -x of virsh",
		"virsh --c u migrate" + end:                      "unknown option --c of virsh",
		"virsh --quiet=1 migrate" + end:                  "--quiet takes no value",
		"virsh -r migrate" + end:                         "cannot migrate",
		"virsh destroy vm1":                              "it is virsh destroy",
		"virsh migrate":                                  "names no domain",
		"virsh migrate vm1":                              "names no destination",
		"virsh migrate --live=1" + end:                   "--live takes no value",
		"virsh migrate --live --live" + end:              "given twice",
		"virsh migrate --postcpy" + end:                  "is --postcopy meant",
		"virsh migrate --faster" + end:                   "unknown option --faster",
		"virsh migrate -l" + end:                         "long names",
		"virsh migrate --bandwidth" + end:                "\"vm1\" is not a whole number of MiB/s",
		"virsh migrate --bandwidth 1G" + end:             "whole number of MiB/s",
		"virsh migrate --bandwidth -1" + end:             "whole number of MiB/s",
		"virsh migrate --bandwidth 99999999999999" + end: "whole number of MiB/s",
		"virsh migrate" + end + " --bandwidth":           "--bandwidth has no value",
		"virsh migrate --parallel --parallel-connections 0" + end:          "from 1 to 255",
		"virsh migrate --parallel-connections 4" + end:                     "wants --parallel",
		"virsh migrate --live --auto-converge-initial 30" + end:            "want --auto-converge",
		"virsh migrate --live --timeout 10 --timeout-postcopy" + end:       "wants --postcopy",
		"virsh migrate --live --timeout-suspend" + end:                     "want --timeout",
		"virsh migrate --timeout 10" + end:                                 "wants --live",
		"virsh migrate --postcopy" + end:                                   "wants --live",
		"virsh migrate --live --postcopy-after-precopy" + end:              "wants --postcopy",
		"virsh migrate --live --copy-storage-all --copy-storage-inc" + end: "exclude each other",
		"virsh migrate --live --direct" + end:                              "no --direct",
		"virsh migrate --live --compressed" + end:                          "--compressed: walm compresses where that pays",
		"virsh migrate --live --comp-methods xbzrle" + end:                 "or give --compression",
		"virsh migrate --live --suspend" + end:                             "virsh suspend it there",
		"virsh migrate --live --tunnelled" + end:                           "--tls for secrecy",
		"virsh migrate --offline" + end:                                    "virsh define",
		"virsh migrate --live" + end + " tcp://b spice://b":                "where virsh takes --graphicsuri",
		"virsh migrate --live --migrate-disks vda,,vdb" + end:              "list of disks",
		"virsh migrate --live" + end + " > log":                            "a > for a shell",
		"virsh migrate --live $VM qemu+tcp://b/system":                     "a $ for a shell",
		`virsh migrate --live "$VM" qemu+tcp://b/system`:                   "a $ for a shell",
		"virsh migrate --live" + end + "; virsh list":                      "a ; for a shell",
		"virsh 'migrate --live" + end:                                      "a ' is not closed",
		"virsh migrate --live" + end + `\`:                                 "ends in a backslash",
		"virsh migrate --dname ''" + end:                                   "--dname: is empty",
	} {
		l, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), words) || !reflect.DeepEqual(l, Line{}) {
			t.Errorf("%s: %+v, %v; want an error about %q", text, l, err, words)
		}
	}
}

func TestMean(t *testing.T) {
	params := func(m vm.Method, change func(*vm.Params)) Meaning {
		p := vm.DefaultParams(m)
		change(&p)
		return Meaning{Method: m, Params: p, Then: Suspend}
	}
	armed := func(p *vm.Params) { p.Postcopy, p.Preempt = true, true }
	for _, tt := range []struct {
		options string
		want    Meaning
		shown   string
		note    string
	}{
		{"--live", params(vm.PreCopy, func(*vm.Params) {}), "pre-copy, stopped once what is left fits into 300ms, for as long as that takes", ""},
		{"", params(vm.StopAndCopy, func(*vm.Params) {}), "stop-and-copy", "stands still"},
		{"--live --postcopy", params(vm.PreCopy, armed), "pre-copy, stopped", "only allows post-copy"},
		{"--live --postcopy --postcopy-after-precopy",
			params(vm.Hybrid, func(p *vm.Params) { p.Preempt = true }), "hybrid, switched to post-copy after the first pass", ""},
		{"--live --auto-converge", params(vm.AutoConverge, func(*vm.Params) {}), "auto-converge, throttled by 20 %, then by 10 % more", ""},
		{"--live --auto-converge --auto-converge-initial 40 --auto-converge-increment 20 --bandwidth 100",
			params(vm.AutoConverge, func(p *vm.Params) { p.ThrottleInitial, p.ThrottleIncrement, p.Bandwidth = 40, 20, 100<<20 }), "throttled by 40 %, then by 20 %", ""},
		{"--live --auto-converge --postcopy", params(vm.AutoConverge, armed), "auto-converge", "only allows"},
		{"--live --auto-converge --postcopy --postcopy-after-precopy",
			params(vm.Hybrid, func(p *vm.Params) { p.Preempt = true }), "hybrid", "does nothing"},
		{"--live --parallel", params(vm.PreCopy, func(p *vm.Params) { p.Multifd = 2 }), "over 2 connections", ""},
		{"--live --parallel --parallel-connections 8", params(vm.PreCopy, func(p *vm.Params) { p.Multifd = 8 }), "over 8 connections", ""},
		{"--live --postcopy-bandwidth 10", params(vm.PreCopy, func(*vm.Params) {}), "pre-copy", "caps nothing"},
		{"--live --timeout 60", func() Meaning {
			m := params(vm.PreCopy, func(*vm.Params) {})
			m.After = time.Minute
			return m
		}(), "stopped after 1m0s, and the rest copied", ""},
		{"--live --postcopy --timeout 2 --timeout-postcopy", func() Meaning {
			m := params(vm.PreCopy, armed)
			m.After, m.Then = 2*time.Second, SwitchNow
			return m
		}(), "switched to post-copy after 2s", ""},
	} {
		l, err := Parse("virsh migrate " + tt.options + " vm1 qemu+tcp://b/system")
		if err != nil {
			t.Errorf("%s: %v", tt.options, err)
			continue
		}
		got := l.Mean()
		notes := strings.Join(got.Notes, "; ")
		got.Notes = nil
		if !reflect.DeepEqual(got, tt.want) || !strings.Contains(got.String(), tt.shown) || !strings.Contains(notes, tt.note) || (tt.note == "") != (notes == "") {
			t.Errorf("virsh migrate %s:\n%+v (%s; notes %q), want\n%+v (%s; %q)", tt.options, got, got, notes, tt.want, tt.shown, tt.note)
		}
	}
}

// TestOptions: every option does exactly one thing, and no name is there twice.
func TestOptions(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range options() {
		n := 0
		for _, has := range []bool{o.on != nil, o.take != nil, o.instead != ""} {
			if has {
				n++
			}
		}
		if n != 1 || seen[o.name] {
			t.Errorf("option %s: %d ways, there before: %v", o.name, n, seen[o.name])
		}
		seen[o.name] = true
	}
}

// FuzzParse: no text makes it panic; what it takes names a domain and a destination, and means a method that exists.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"virsh -c qemu:///system migrate --live --p2p vm1 qemu+tcp://b/system tcp://b",
		"virsh 'migrate --live --postcopy --postcopy-after-precopy vm1 u'",
		"virsh migrate --live --timeout 2 --bandwidth=10 \"v m\" u\\ v",
		"virsh migrate -- a b", "virsh -c", "virsh migrate --", "virsh migrate --=", "virsh -", "virsh ''",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := Parse(s)
		if err != nil {
			if !reflect.DeepEqual(l, Line{}) {
				t.Fatalf("%q: %+v beside the error %v", s, l, err)
			}
			return
		}
		if l.Domain == "" || l.Destination == "" {
			t.Fatalf("%q was taken without a domain or a destination", s)
		}
		m := l.Mean()
		if _, err := vm.ParseMethod(string(m.Method)); err != nil || m.String() == "" {
			t.Fatalf("%q means %q: %v", s, m, err)
		}
		p := m.Params
		if p.Bandwidth < 0 || p.Multifd < 0 || p.Multifd > 255 || p.ThrottleInitial > 99 || (m.Method == vm.Hybrid) != (p.Passes > 0) {
			t.Fatalf("%q means %+v", s, p)
		}
	})
}
