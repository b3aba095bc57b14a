package debian

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURIs(t *testing.T) {
	const out = `NOTE: 'a' is no line of this kind
'http://m.example/debian/pool/main/q/qemu/qemu-system-x86_7.2%2bdfsg-7_amd64.deb' qemu-system-x86_1%3a7.2+dfsg-7+deb12u18+b3_amd64.deb 9281168 MD5Sum:aa61
'http://m.example/it%27s/libssl3_3.0.22_amd64.deb' libssl3_3.0.22-1~deb12u2_amd64.deb 2039888 
'http://m.example/ipxe_all.deb' ipxe-qemu_1.0.0+git-5.1_all.deb 766376 SHA256:0a0d
'http://m.example/InRelease' m.example_InRelease 0
'http://m.example/x.deb' x_1_amd64.deb many
'http://m.example/x.deb' x_%zz_amd64.deb 1
'http://m.example/x.deb
`
	want := []debPackage{
		{"qemu-system-x86", "1:7.2+dfsg-7+deb12u18+b3", "amd64", 9281168},
		{"libssl3", "3.0.22-1~deb12u2", "amd64", 2039888},
		{"ipxe-qemu", "1.0.0+git-5.1", "all", 766376},
	}
	if diff := cmp.Diff(want, parseURIs(out)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseURIs(f *testing.F) {
	f.Add("'u' a_1%3a2_all.deb 3 h\n")
	f.Fuzz(func(t *testing.T, out string) {
		for _, p := range parseURIs(out) {
			if p.Size < 0 || strings.ContainsAny(p.Name+p.Arch, "_ \n") {
				t.Errorf("%+v", p)
			}
		}
	})
}

// The machine's way to the archive is kept; what would fetch more, or act on the machine, is not.
func TestConfig(t *testing.T) {
	got := apt{"/c/apt"}.config("Acquire::http::Proxy \"http://p.example:3128\";\nAcquire::Languages:: \"de\";\n" +
		"Acquire::IndexTargets::deb::DEP-11::MetaKey \"x\";\n")
	for line, want := range map[string]bool{
		`Acquire::http::Proxy "http://p.example:3128";`: true,
		`Acquire::Languages:: "de";`:                    false,
		`Acquire::Languages "none";`:                    true,
		`DEP-11`:                                        false,
		`Dir::State::status "/c/apt/status";`:           true,
		`Dir::Etc::sourceparts "/c/apt/sources";`:       true,
		`Dir::Etc::parts "/dev/null";`:                  true,
	} {
		if strings.Contains(got, line) != want {
			t.Errorf("%s: in it is %t, want %t:\n%s", line, !want, want, got)
		}
	}
}

func TestNeeds(t *testing.T) {
	for name, want := range map[string]bool{
		"libglib2.0-0": true, "qemu-system-common": true, "seabios": true, "ipxe-qemu": true, "libc6": false, "passwd": false,
	} {
		if qemuNeeds(name) != want {
			t.Errorf("QEMU needs %s: %t", name, !want)
		}
	}
	for name, want := range map[string]bool{
		"linux-image-6.1.0-56-cloud-amd64": true, "linux-image-cloud-amd64": false, "linux-base": false,
	} {
		if kernelNeeds(name) != want {
			t.Errorf("a guest needs %s: %t", name, !want)
		}
	}
}
