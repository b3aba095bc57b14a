package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits: the services among the examples start what walm takes, and give up what they do not need.
func TestUnits(t *testing.T) {
	units, err := filepath.Glob("../../examples/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("examples %v, %v", units, err)
	}
	for _, name := range units {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		starts := 0
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "#"), "ExecStart=/usr/bin/")
			if ok {
				starts++
				taken(t, strings.Fields(strings.NewReplacer("%i", "vm1", "%f", "/run/vm1.qmp").Replace(command)))
			}
		}
		if starts == 0 {
			t.Errorf("%s starts nothing", name)
		}
		for _, wanted := range []string{"\nUser=", "\nNoNewPrivileges=yes", "\nUMask=0077", "\nStateDirectoryMode=0700", "\nProtectSystem=strict",
			"\nCapabilityBoundingSet=", "\nSystemCallFilter=", "\nRestrictAddressFamilies=AF_UNIX\n", "\nPrivateNetwork=yes"} {
			if !strings.Contains(string(text), wanted) {
				t.Errorf("%s has no %q", name, strings.TrimSpace(wanted))
			}
		}
		if strings.Contains(string(text), "User=root") {
			t.Errorf("%s runs as root", name)
		}
	}
}
