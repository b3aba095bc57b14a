package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"walm/hypervisor/qmp"
	"walm/lab/debian"
)

// program is a QEMU that can be started.
type program struct {
	debian.QEMU        // Version is empty until it is asked
	where       string // for people
}

func (p program) String() string {
	if p.Version == "" {
		return "QEMU in " + p.where
	}
	return "QEMU " + p.Version
}

// programs finds QEMUs: the lab's own, those that labs run by default first, and the machine's.
func programs(c debian.Cache) []program {
	var all []program
	for _, suite := range []debian.Suite{debian.Backports, debian.Bookworm, debian.Sid} {
		if q, ok := c.Have(suite); ok {
			all = append(all, program{q, "the cache, from " + string(suite)})
		}
	}
	var seen []string
	for _, name := range []string{"qemu-system-x86_64", "qemu-kvm", "/usr/libexec/qemu-kvm"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(seen, real) {
			seen = append(seen, real)
			all = append(all, program{debian.QEMU{Binary: path}, path})
		}
	}
	return all
}

// missing names what the cache lacks.
func missing(c debian.Cache) []string {
	var all []string
	for _, x := range []struct {
		suite debian.Suite
		name  string
	}{{debian.Backports, "QEMU 10.0"}, {debian.Bookworm, "QEMU 7.2"}} {
		if _, ok := c.Have(x.suite); !ok {
			all = append(all, x.name)
		}
	}
	if _, ok := c.HaveKernel(); !ok {
		all = append(all, "the guest's kernel")
	}
	return all
}

// packages fetches what is missing if that is asked for.
func packages(ctx context.Context, o Options) []Finding {
	var err, newest error
	if o.Fetch {
		if err = fetch(ctx, o); err == nil {
			_, newest = o.Cache.QEMU(ctx, debian.Sid, o.Step)
		}
	}
	q, ok := o.Cache.Have(debian.Sid)
	if newest == nil && !ok {
		newest = debian.Reaches(debian.Sid)
	}
	return []Finding{packagesFinding(missing(o.Cache), o.Cache.Dir, debian.Supported(), err), newestFinding(q.Version, newest)}
}

// newestFinding is of the QEMU that only the study of versions needs. failed says why it cannot be had.
func newestFinding(version string, failed error) Finding {
	f := Finding{Name: "QEMU 11", Level: OK, What: "QEMU " + version + " of Debian's sid is fetched"}
	switch {
	case version != "":
	case failed != nil:
		f.Level, f.What = Note, "cannot be had: "+failed.Error()
		f.Means = "moves from and to QEMU 11 cannot be tried here (studies/versions); nothing else needs it"
		f.Mend = "nothing, unless that is wanted: the suite sid must be on a server that this machine's apt sources name"
	default:
		f.Level, f.What = Note, "not fetched yet; apt's sources say where Debian's sid would be"
		f.Means = "moves from and to QEMU 11 are not tried until then (studies/versions); nothing else needs it"
		f.Mend = "walm doctor --fetch does it"
	}
	return f
}

func fetch(ctx context.Context, o Options) error {
	for _, suite := range []debian.Suite{debian.Backports, debian.Bookworm} {
		if _, err := o.Cache.QEMU(ctx, suite, o.Step); err != nil {
			return err
		}
	}
	_, err := o.Cache.Kernel(ctx, o.Step)
	return err
}

// packagesFinding: unsupported says why this machine cannot run what is fetched, failed why fetching went wrong.
func packagesFinding(missing []string, dir string, unsupported, failed error) Finding {
	f := Finding{Name: "packages", Level: OK, What: "QEMU 7.2 and 10.0 and the guest's kernel are in " + dir}
	if len(missing) == 0 {
		return f
	}
	f.What = "not fetched yet: " + strings.Join(missing, ", ")
	switch {
	case unsupported != nil:
		f.Level, f.Against = Problem, []Ability{RunLab}
		f.Means = unsupported.Error()
		f.Mend = "run the lab in a Debian 12 on amd64: a container with root's capabilities will do"
	case failed != nil:
		f.Level, f.Against = Problem, []Ability{RunLab}
		f.What += ": " + failed.Error()
		f.Means, f.Mend = "the lab has no QEMU or no guest", "mend that and run walm doctor --fetch again"
	default:
		f.Level = Note
		f.Means = "whether a guest boots cannot be tried; walm demo fetches by itself what it needs"
		f.Mend = "make demo or walm doctor --fetch does it"
	}
	return f
}

// notFetched is the finding of what needs the lab's packages.
func notFetched(name string, against ...Ability) Finding {
	return Finding{Name: name, Level: Unknown, What: "not tried: QEMU and a guest's kernel are not fetched yet",
		Means: "it is not known whether a guest boots", Mend: "make demo or walm doctor --fetch does it", Against: against}
}

// qemus asks every QEMU what it can do.
func qemus(ctx context.Context, o Options) []Finding {
	var all []Finding
	told := map[qmp.Version]bool{}
	for _, p := range programs(o.Cache) {
		a, err := ask(ctx, p)
		if err != nil {
			all = append(all, Finding{Name: "QEMU", Level: Unknown,
				What:  fmt.Sprintf("%s could not be asked: %v", p.Binary, err),
				Means: "it is not known whether a VM can run or arrive in it", Mend: "run " + p.Binary + " -machine none by hand"})
			continue
		}
		p.Version = a.version.String()
		all = append(all, programFinding(p, a))
		if !told[a.version] {
			told[a.version] = true
			all = append(all, hazards(a.version)...)
		}
	}
	if len(all) == 0 {
		all = append(all, Finding{Name: "QEMU", Level: Note, What: "none in PATH and none in the cache",
			Means: "no VM runs here but in containers; walm demo fetches its own", Mend: "make demo or walm doctor --fetch"})
	}
	return all
}
