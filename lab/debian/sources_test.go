package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseStanzas(t *testing.T) {
	tests := []struct {
		name, text string
		want       []source
	}{
		{"as the installer writes it", `
# comment
Types: deb deb-src
# between the fields
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`, []source{{
			[]string{"https://mirror.example/debian"}, []string{"bookworm", "bookworm-updates"},
			[]string{"main", "non-free-firmware"}, []string{"Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"},
		}}},
		{"a key in the stanza, lists over lines, names in any case", `
TYPES: deb
uris:
 mirror+file:///etc/apt/mirrors/debian.list
 https://b.example/debian
Suites: bookworm
Components: main
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
# a comment inside
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`, []source{{
			[]string{"mirror+file:///etc/apt/mirrors/debian.list", "https://b.example/debian"},
			[]string{"bookworm"}, []string{"main"},
			[]string{
				"Check-Valid-Until: no",
				"Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----",
			},
		}}},
		{"two stanzas, windows line ends", "Types: deb\r\nURIs: a:/a\r\nSuites: x\r\n \r\n\r\nTypes: deb\r\nURIs: b:/b\r\nSuites: y\r\nTrusted: yes\r\n",
			[]source{
				{[]string{"a:/a"}, []string{"x"}, nil, nil},
				{[]string{"b:/b"}, []string{"y"}, nil, []string{"Trusted: yes"}},
			}},
		{"disabled", "Types: deb\nURIs: a:/a\nSuites: x\nEnabled: No\n", nil},
		{"sources only", "Types: deb-src\nURIs: a:/a\nSuites: x\n", nil},
		{"no suite", "Types: deb\nURIs: a:/a\n", nil},
		{"a disc", "Types: deb\nURIs: cdrom:[Debian 12]/\nSuites: bookworm\nComponents: main\n", nil},
		{"no fields", "what is this\n and this\n", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseStanzas(tt.text), cmp.AllowUnexported(source{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseLines(t *testing.T) {
	tests := []struct {
		name, text string
		want       []source
	}{
		{"as the installer writes it", "# deb http://old.example/debian bookworm main\n\n" +
			"deb http://mirror.example/debian/ bookworm main contrib # a comment\ndeb-src http://mirror.example/debian bookworm main\n",
			[]source{{[]string{"http://mirror.example/debian/"}, []string{"bookworm"}, []string{"main", "contrib"}, nil}}},
		{"options", "\tdeb [ arch=amd64,i386 signed-by=/a.gpg,/b.gpg trusted=yes ]\thttps://m.example/debian bookworm main",
			[]source{{[]string{"https://m.example/debian"}, []string{"bookworm"}, []string{"main"},
				[]string{"Signed-By: /a.gpg /b.gpg", "Trusted: yes"}}}},
		{"options without a space", "deb[trusted=yes] https://m.example/debian bookworm main",
			[]source{{[]string{"https://m.example/debian"}, []string{"bookworm"}, []string{"main"}, []string{"Trusted: yes"}}}},
		{"a disc", "deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64]/ bookworm main\n", nil},
		{"options never closed", "deb [trusted=yes https://m.example/debian bookworm main", nil},
		{"no suite", "deb https://m.example/debian\n", nil},
		{"only the type", "deb", nil},
		{"another word", "debian https://m.example/debian bookworm main", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseLines(tt.text), cmp.AllowUnexported(source{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDebianSources(t *testing.T) {
	const machine = `Types: deb
URIs: https://tools.example/apt
Suites: bookworm
Components: main

Types: deb
URIs: https://containers.example/linux/debian
Suites: bookworm
Components: stable

Types: deb
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /a.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
`
	const stable = `Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
Components: main
Signed-By: /a.gpg

Types: deb
URIs: https://mirror.example/debian
Suites: bookworm-updates
Components: main
Signed-By: /a.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main

`
	stanza := func(uri, suite string) string {
		return "Types: deb\nURIs: " + uri + "\nSuites: " + suite + "\nComponents: main\n\n"
	}
	first, _, _ := strings.Cut(stable, "\n\n")
	added := strings.Replace(first, "Suites: bookworm", "Suites: bookworm-backports", 1) + "\n\n"
	tests := []struct {
		name, machine string
		suite         Suite
		want          string
	}{
		{"third parties beside Debian", machine, Bookworm, stable},
		{"backports from where bookworm is", machine, Backports, stable + added},
		{"backports from where the machine has them", machine + "\n" + stanza("https://bp.example/debian", "bookworm-backports"),
			Backports, stable + stanza("https://bp.example/debian", "bookworm-backports")},
		{"sid alone, from where bookworm is", machine, Sid, strings.Replace(first, "Suites: bookworm", "Suites: sid", 1) + "\n\n"},
		{"sid from where the machine has it", machine + "\n" + stanza("https://new.example/debian", "sid"), Sid,
			stanza("https://new.example/debian", "sid")},
		{"a mirror by another name", stanza("https://m.example/d12", "bookworm"), Bookworm, stanza("https://m.example/d12", "bookworm")},
		{"another release", strings.ReplaceAll(machine, "bookworm", "trixie"), Bookworm, ""},
		{"nothing", "", Backports, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := debianSources(parseStanzas(tt.machine), tt.suite)
			if (err != nil) != (tt.want == "") {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, deb822(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A machine may use both formats at once, and apt reads only files with the right ending.
func TestMachineSources(t *testing.T) {
	etc := t.TempDir()
	if err := os.Mkdir(filepath.Join(etc, "sources.list.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sources.list":                     "deb a:/a bookworm main\n",
		"sources.list.d/b.list":            "deb b:/b bookworm main\n",
		"sources.list.d/c.sources":         "Types: deb\nURIs: c:/c\nSuites: bookworm\n",
		"sources.list.d/d.list.disabled":   "deb d:/d bookworm main\n",
		"sources.list.d/e.sources.dpkgold": "Types: deb\nURIs: e:/e\nSuites: bookworm\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := machineSources(etc)
	if err != nil {
		t.Fatal(err)
	}
	var uris []string
	for _, s := range all {
		uris = append(uris, s.uris...)
	}
	if got := strings.Join(uris, " "); got != "a:/a b:/b c:/c" {
		t.Errorf("read %s", got)
	}
}

// What is written in either format must be read back as the same sources.
func FuzzParseSources(f *testing.F) {
	f.Add("deb [signed-by=/a,/b] http://m.example/debian bookworm main # x")
	f.Add("Types: deb\nURIs: a:/a b:/b\nSuites: x\n# c\n y\nSigned-By:\n k\n .\n l\n\nTypes: deb")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range append(parseLines(text), parseStanzas(text)...) {
			if len(s.uris) == 0 || len(s.suites) == 0 {
				t.Fatalf("unusable: %+v", s)
			}
		}
		stanzas := parseStanzas(text)
		if diff := cmp.Diff(stanzas, parseStanzas(deb822(stanzas)), cmp.AllowUnexported(source{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
