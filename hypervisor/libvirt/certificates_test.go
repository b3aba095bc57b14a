package libvirt

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMissingTLS(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing", nil, []string{"/etc/pki/qemu/ca-cert.pem", "/etc/pki/qemu/server-cert.pem", "/etc/pki/qemu/server-key.pem"}},
		{"all", map[string]string{"etc/pki/qemu/ca-cert.pem": "", "etc/pki/qemu/server-cert.pem": "", "etc/pki/qemu/server-key.pem": ""}, nil},
		{"no key", map[string]string{"etc/pki/qemu/ca-cert.pem": "", "etc/pki/qemu/server-cert.pem": ""}, []string{"/etc/pki/qemu/server-key.pem"}},
		{"a folder for all that QEMU does", map[string]string{
			"etc/libvirt/qemu.conf": "user = \"root\"\n  default_tls_x509_cert_dir = \"/srv/pki\"\n",
			"srv/pki/ca-cert.pem":   "", "srv/pki/server-cert.pem": "", "srv/pki/server-key.pem": "",
		}, nil},
		{"a setting that is a comment", map[string]string{
			"etc/libvirt/qemu.conf":    "#default_tls_x509_cert_dir = \"/srv/pki\"\n",
			"etc/pki/qemu/ca-cert.pem": "", "etc/pki/qemu/server-cert.pem": "",
		}, []string{"/etc/pki/qemu/server-key.pem"}},
		{"libvirt's own folder for migrations goes first", map[string]string{
			"etc/libvirt/qemu.conf":                "default_tls_x509_cert_dir = \"/srv/pki\"\n",
			"etc/pki/libvirt-migrate/ca-cert.pem":  "",
			"etc/pki/libvirt-migrate/server-k.pem": "",
		}, []string{"/etc/pki/libvirt-migrate/server-cert.pem", "/etc/pki/libvirt-migrate/server-key.pem"}},
		{"and a setting for migrations before that", map[string]string{
			"etc/libvirt/qemu.conf":               "migrate_tls_x509_cert_dir = '/srv/m'\n",
			"etc/pki/libvirt-migrate/ca-cert.pem": "", "srv/m/ca-cert.pem": "", "srv/m/server-cert.pem": "",
		}, []string{"/srv/m/server-key.pem"}},
	} {
		root := t.TempDir()
		for name, text := range tt.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := missingTLS(root, serverTLS()); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q is missing; want %q", tt.name, got, tt.want)
		}
	}
	if got := missingTLS(t.TempDir(), clientTLS()); !slices.Equal(got, []string{"/etc/pki/qemu/ca-cert.pem"}) {
		t.Errorf("a client without anything: %q", got)
	}
}
