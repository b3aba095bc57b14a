package debian

import (
	"strings"
	"testing"
)

const status = `Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Pre-Depends: libc6 (>= 2.36), libtinfo6 (>= 6) | libtinfo5
Description: shell
 Package: trap
 Depends: qemu

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Depends: libgcc-s1, crypt:any

Package: libc6
Status: install ok installed
Architecture: i386
Depends: qemu

Package: libgcc-s1
Status: hold ok installed
Architecture: amd64

Package: libcrypt1
Status: install ok installed
Architecture: amd64
Provides: crypt (= 1), other

Package: libtinfo6
Status: deinstall ok config-files
Architecture: amd64

Package: libtinfo5
Status: install ok installed
Architecture: amd64

Package: qemu
Status: install ok installed
Architecture: amd64
Depends: bash
`

func TestBaseStatus(t *testing.T) {
	got, err := baseStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for text := range strings.SplitSeq(got, "\n\n") {
		if s := parseStanza(text); s.name != "" {
			kept = append(kept, s.name)
		}
	}
	if k := strings.Join(kept, " "); k != "bash libc6 libcrypt1 libgcc-s1 libtinfo5" {
		t.Errorf("kept %s", k)
	}
	if first, _, _ := strings.Cut(status, "\n\n"); !strings.HasPrefix(got, first+"\n\n") {
		t.Errorf("a stanza is not kept as it was: %s", got)
	}
	again, err := baseStatus(got)
	if err != nil || again != got {
		t.Errorf("filtered again it is %q, %v", again, err)
	}
}

func TestBaseStatusOfNothing(t *testing.T) {
	for _, s := range []string{"", "Package: qemu\nStatus: install ok installed\nArchitecture: amd64\n",
		strings.ReplaceAll(status, "amd64", "arm64")} {
		if got, err := baseStatus(s); err == nil {
			t.Errorf("no error for %q, but %q", s, got)
		}
	}
}

func FuzzBaseStatus(f *testing.F) {
	f.Add(status)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := baseStatus(text)
		if err != nil {
			return
		}
		again, err := baseStatus(got)
		if err != nil || again != got {
			t.Errorf("filtered again, %q became %q, %v", got, again, err)
		}
	})
}
