package qemu

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestTLSParameters(t *testing.T) {
	for _, tt := range []struct {
		name string
		tls  *TLS
		want map[vm.Side]string
	}{
		{"certificates", &TLS{Kind: X509, Source: "/s", Destination: "/d"}, map[vm.Side]string{
			vm.Source:      `tls-creds-x509 client /s; tls-creds=walm-tls-client tls-hostname=192.0.2.2`,
			vm.Destination: `tls-creds-x509 server /d; tls-authz=walm-tls-allow tls-creds=walm-tls-server`}},
		{"by name", &TLS{Kind: X509, Source: "/s", Destination: "/d", Name: "beta", Allow: "CN=alpha"}, map[vm.Side]string{
			vm.Source:      `tls-creds-x509 client /s; tls-creds=walm-tls-client tls-hostname=beta`,
			vm.Destination: `tls-creds-x509 server /d; tls-authz=walm-tls-allow tls-creds=walm-tls-server`}},
		{"a shared key", &TLS{Kind: PSK, Source: "/s", Destination: "/d", User: "ann"}, map[vm.Side]string{
			vm.Source:      `tls-creds-psk client /s ann; tls-creds=walm-tls-client tls-hostname=`,
			vm.Destination: `tls-creds-psk server /d; tls-authz=walm-tls-allow tls-creds=walm-tls-server`}},
	} {
		for side, want := range tt.want {
			id, o := tt.tls.object(side)
			words := []string{o["qom-type"].(string), o["endpoint"].(string), o["dir"].(string)}
			if user, ok := o["username"]; ok {
				words = append(words, user.(string))
			}
			var params []string
			for name, value := range tt.tls.parameters(side, "192.0.2.2:49152") {
				params = append(params, name+"="+value.(string))
			}
			slices.Sort(params)
			if got := strings.Join(words, " ") + "; " + strings.Join(params, " "); got != want {
				t.Errorf("%s, %s: %s\nwant %s", tt.name, side, got, want)
			}
			if o["verify-peer"] != true || o["id"] != id {
				t.Errorf("%s: the %s's object is %v", tt.name, side, o)
			}
		}
	}
	if (*TLS)(nil).parameters(vm.Source, "a:1") != nil {
		t.Error("without TLS a parameter is set that the VM's owner may have set")
	}
}

// TestEncrypted: before a migration both ends have the objects and name them, and after the release neither has, nor names
// what is gone: not even one that a walm left that was killed.
func TestEncrypted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, destination := newFake("10.0.2"), waiting("10.0.2")
		objects := map[*fake][]string{}
		for _, f := range []*fake{source, destination} {
			f.params["tls-creds"], f.params["tls-hostname"] = tlsServer, ""
			f.params["tls-authz"] = ""
			f.reply("object-add", func(c qmptest.Command) (any, error) {
				objects[f] = append(objects[f], field(string(c.Arguments), "id"))
				return object{}, nil
			})
			f.reply("object-del", func(c qmptest.Command) (any, error) {
				i := slices.Index(objects[f], field(string(c.Arguments), "id"))
				if i < 0 {
					return nil, errors.New("object not found")
				}
				objects[f] = slices.Delete(objects[f], i, i+1)
				return object{}, nil
			})
		}
		p := pairOf(t, source, destination)
		if set, err := p.Encrypted(t.Context()); set || err != nil {
			t.Errorf("what a walm left behind passes for the owner's TLS: %v", err)
		}
		p.TLS = &TLS{Kind: X509, Source: "/s", Destination: "/d", Allow: "CN=alpha"}
		params := vm.DefaultParams(vm.PreCopy)
		do(t, p, vm.ActPrepare, vm.PreCopy, params)
		if !slices.Equal(objects[source], []string{tlsClient}) || !slices.Equal(objects[destination], []string{tlsServer, tlsAllow}) {
			t.Errorf("objects are %q and %q", objects[source], objects[destination])
		}
		if source.params["tls-creds"] != tlsClient || destination.params["tls-creds"] != tlsServer {
			t.Errorf("the ends name %v and %v", source.params["tls-creds"], destination.params["tls-creds"])
		}
		do(t, p, vm.ActRelease, vm.PreCopy, params)
		for _, f := range []*fake{source, destination} {
			if f.params["tls-creds"] != "" || len(objects[f]) > 0 {
				t.Errorf("after the release %v is named, and there are %q", f.params["tls-creds"], objects[f])
			}
		}
		if why := p.Unable(vm.Offline, vm.DefaultParams(vm.Offline)); why != offlinePlain {
			t.Errorf("an offline move, whose state file is plain: %q", why)
		}
	})
}

// field is a string of an object in JSON.
func field(text, name string) string {
	_, text, _ = strings.Cut(text, `"`+name+`":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

// TestApart: a stream is taken to leave this machine unless both QEMUs are known to be processes of it.
func TestApart(t *testing.T) {
	elsewhere, here := newFake("10.0.2"), newFake("10.0.2")
	here.thread = os.Getpid()
	open := func(f *fake) *VM {
		v, err := Open(t.Context(), f.path(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.Close() })
		return v
	}
	far, near := open(elsewhere), open(here)
	for _, tt := range []struct {
		source, destination *VM
		listen, want        string
	}{
		{near, near, "192.0.2.1:49152", ""},
		{near, far, "192.0.2.1:49152", "the destination's QEMU is no process of this machine"},
		{far, near, "beta:49152", "the source's QEMU is no process of this machine"},
		{far, far, "127.0.0.1:49152", ""},
		{far, far, "[::1]:49152", ""},
		{far, far, "localhost:49152", ""},
	} {
		p := &Pair{Source: tt.source, Destination: tt.destination, Listen: tt.listen}
		if got, err := p.Apart(t.Context()); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.listen, got, err, tt.want)
		}
	}
}
