package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOddRAM: the size is told twice, and both become odd; nothing else changes, however it is quoted.
func TestOddRAM(t *testing.T) {
	script := filepath.Join(t.TempDir(), "sh")
	text := strings.Replace(oddRAM, "exec /usr/bin/qemu-system-x86_64", "printf '%s\\n'", 1)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, in, want string }{
		{"libvirt 9.0",
			"-m|256|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":268435456}|-append|a 'b' $c  d",
			"-m|size=262152k|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":268443648}|-append|a 'b' $c  d"},
		{"libvirt 11.3",
			"-m|size=262144k|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":268435456}|-smp|1",
			"-m|size=262152k|-object|{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":268443648}|-smp|1"},
		{"what libvirt asks QEMU when it starts", "-S|-no-user-config|-machine|none,accel=tcg", "-S|-no-user-config|-machine|none,accel=tcg"},
		{"another object", `-object|{"qom-type":"secret","id":"x"}`, `-object|{"qom-type":"secret","id":"x"}`},
	} {
		out, err := exec.Command("sh", append([]string{script}, strings.Split(tt.in, "|")...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := strings.Join(strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), "|"); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
