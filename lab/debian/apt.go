package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"walm/vm"
)

// apt runs apt with a configuration, package lists and a state of its own in dir.
type apt struct{ dir string }

// newAPT writes the private configuration. Of the machine's it takes how to reach the archive (proxies, sources, keys),
// and nothing else: its hooks, for one, would act on the machine. bare leaves nothing that counts as installed.
func newAPT(ctx context.Context, dir string, suite Suite, bare bool) (apt, error) {
	a := apt{dir}
	all, err := machineSources("/etc/apt")
	if err != nil {
		return apt{}, err
	}
	sources, err := debianSources(all, suite)
	if err != nil {
		return apt{}, err
	}
	installed, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		return apt{}, fmt.Errorf("read dpkg's status: %w", err)
	}
	status, err := baseStatus(string(installed))
	if err != nil {
		return apt{}, err
	}
	if bare {
		status = ""
	}
	acquire, err := a.command(ctx, "apt-config", "dump", "--no-empty", "--format", `%F "%v";%n`, "Acquire").run()
	if err != nil {
		return apt{}, err
	}
	for _, d := range []string{"lists/partial", "archives/partial", "sources"} {
		if err := os.MkdirAll(a.path(d), 0o755); err != nil {
			return apt{}, err
		}
	}
	for name, text := range map[string]string{
		"status":                 status,
		"apt.conf":               a.config(acquire),
		"sources/debian.sources": deb822(sources),
	} {
		if err := os.WriteFile(a.path(name), []byte(text), 0o644); err != nil {
			return apt{}, err
		}
	}
	return a, nil
}

func (a apt) path(name string) string { return filepath.Join(a.dir, name) }

// config is the private apt.conf; acquire is the machine's Acquire section. The file named by APT_CONFIG is read before
// all others, and this one names no others.
func (a apt) config(acquire string) string {
	var b strings.Builder
	for line := range strings.Lines(acquire) {
		// Other indices and translations would be downloaded for nothing.
		if !strings.HasPrefix(line, "Acquire::IndexTargets") && !strings.HasPrefix(line, "Acquire::Languages") {
			b.WriteString(line)
		}
	}
	for _, o := range [][2]string{
		{"Acquire::Languages", "none"},
		{"Acquire::GzipIndexes", "true"},
		{"Acquire::Retries", "2"},
		{"APT::Architecture", "amd64"},
		{"APT::Architectures::", "amd64"},
		{"APT::Sandbox::User", "root"}, // no change of user, which could not enter the folder
		{"APT::Update::Error-Mode", "any"},
		{"Dir::Etc::parts", "/dev/null"},
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Dir::Etc::sourcelist", "/dev/null"},
		{"Dir::Etc::sourceparts", a.path("sources")},
		{"Dir::State", a.dir},
		{"Dir::State::lists", a.path("lists")},
		{"Dir::State::status", a.path("status")},
		{"Dir::Cache", a.dir},
		{"Dir::Cache::archives", a.path("archives")},
		{"Dir::Cache::pkgcache", ""}, // two binary caches of 60 MB to save a second
		{"Dir::Cache::srcpkgcache", ""},
		{"Dir::Log", a.dir},
	} {
		fmt.Fprintf(&b, "%s %q;\n", o[0], o[1])
	}
	return b.String()
}

// debPackage is a package as apt would fetch it.
type debPackage struct {
	Name, Version, Arch string
	Size                vm.Bytes
}

// update fetches the package lists.
func (a apt) update(ctx context.Context) error {
	_, err := a.get(ctx, "update").run()
	return err
}

// closure lists targets and all they need beyond what counts as installed. Bookworm as a target release would be wrong: it would
// rank older packages above those of bookworm-security.
func (a apt) closure(ctx context.Context, suite Suite, targets ...string) ([]debPackage, error) {
	args := []string{"install", "--print-uris", "--no-install-recommends"}
	args = append(args, targets...)
	if suite == Backports {
		args = append(args, "-t", string(Backports))
	}
	out, err := a.get(ctx, args...).run()
	if err != nil {
		return nil, err
	}
	packages := parseURIs(out)
	if len(packages) == 0 {
		return nil, fmt.Errorf("apt names no package to fetch for %s, only: %q", strings.Join(targets, ", "), out)
	}
	return packages, nil
}

// download fetches packages into dir; apt checks their signatures and sums.
func (a apt) download(ctx context.Context, dir string, packages []debPackage) error {
	args := []string{"download"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	cmd := a.get(ctx, args...)
	cmd.Dir = dir
	_, err := cmd.run()
	return err
}

// parseURIs reads what apt-get --print-uris prints among other things: 'uri' name_version_arch.deb size hash.
func parseURIs(out string) []debPackage {
	var all []debPackage
	for line := range strings.Lines(out) {
		_, rest, ok := strings.Cut(line, "' ")
		if !ok || line[0] != '\'' {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			continue
		}
		file, isDeb := strings.CutSuffix(fields[0], ".deb")
		parts := strings.Split(file, "_")
		size, err := strconv.ParseInt(fields[1], 10, 64)
		if !isDeb || len(parts) != 3 || err != nil || size < 0 {
			continue
		}
		version, err := url.PathUnescape(parts[1]) // an epoch's colon is written %3a
		if err != nil {
			continue
		}
		all = append(all, debPackage{parts[0], version, parts[2], vm.Bytes(size)})
	}
	return all
}

type command struct{ *exec.Cmd }

func (a apt) get(ctx context.Context, args ...string) command {
	c := a.command(ctx, "apt-get", append([]string{"-qq", "-y"}, args...)...)
	c.Env = append(c.Env, "APT_CONFIG="+a.path("apt.conf"))
	return c
}

func (a apt) command(ctx context.Context, name string, args ...string) command {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	c.WaitDelay = 5 * time.Second // apt's helpers keep its pipes open a little longer than it lives
	return command{c}
}

// run runs c and returns what it prints; an error tells c's last complaints and what to do about the usual ones.
func (c command) run() (string, error) {
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	err := c.Cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%w: walm's lab takes its packages through Debian's apt and dpkg", err)
	}
	text := complaints.String()
	return "", fmt.Errorf("%s %s: %w: %s%s", filepath.Base(c.Path), c.verb(), err, lastLines(text, 3), advice(text))
}

// verb is the first argument that is no option.
func (c command) verb() string {
	for _, arg := range c.Args[1:] {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// advice is what to do about the commonest failures.
func advice(complaints string) string {
	for _, known := range []struct{ says, advice string }{
		{"No space left on device", "the disk is full: free some, or set WALM_CACHE to a folder with room"},
		{"does not have a Release file", "the mirror in this machine's apt sources lacks that suite: name one that has it"},
		{"Temporary failure resolving", "no network: packages are needed once, and kept from then on"},
		{"Could not resolve", "no network: packages are needed once, and kept from then on"},
		{"onnect", "the mirror in apt's sources cannot be reached: see to the network or apt's proxy, and try again"},
		{"NO_PUBKEY", "the archive's key is missing: install debian-archive-keyring"},
	} {
		if strings.Contains(complaints, known.says) {
			return "\n" + known.advice
		}
	}
	return ""
}
