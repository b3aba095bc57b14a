package libvirt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// missingTLS lists the files that a host's QEMU needs for an encrypted stream and that are not there. root is the file system
// as the host's daemon sees it. A file or setting that cannot be read is not known to be missing.
func missingTLS(root string, side []string) []string {
	dir, ok := certificates(root)
	if !ok {
		return nil
	}
	var missing []string
	for _, name := range side {
		if _, err := os.Stat(filepath.Join(root, dir, name)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, filepath.Join(dir, name))
		}
	}
	return missing
}

// What each end needs; a client's own certificate is asked for by some destinations alone.
func clientTLS() []string { return []string{"ca-cert.pem"} }
func serverTLS() []string { return []string{"ca-cert.pem", "server-cert.pem", "server-key.pem"} }

// certificates is the folder that libvirt takes for migrations: that of its configuration, else the first that is there
// (src/qemu/qemu_conf.c).
func certificates(root string) (string, bool) {
	text, err := os.ReadFile(filepath.Join(root, "etc/libvirt/qemu.conf"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	set := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); ok && !strings.HasPrefix(name, "#") {
			set[name] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	if dir := set["migrate_tls_x509_cert_dir"]; dir != "" {
		return dir, true
	}
	const own = "/etc/pki/libvirt-migrate"
	if _, err := os.Stat(filepath.Join(root, own)); err == nil {
		return own, true
	}
	if dir := set["default_tls_x509_cert_dir"]; dir != "" {
		return dir, true
	}
	return "/etc/pki/qemu", true
}
