// Package walm_test holds what is asked of the tree as a whole: which package may import which, and that each says what it is.
package walm_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed says which packages of ours a package may import; a package that is not named may import none. A name ending
// in /... stands for all below it. Tests may import what they need.
var allowed = map[string][]string{
	"vm":               nil,
	"stats":            nil,
	"journal":          nil,
	"pki":              nil,
	"internal/netns":   nil,
	"internal/backlog": nil,
	"internal/nearest": nil,
	"internal/undo":    nil,
	"internal/procfs":  nil,
	"internal/link":    {"vm", "internal/netns"},
	"hypervisor/qmp":   {"internal/backlog"},
	"observe":          {"vm"},
	"predict":          {"vm"},
	"measure":          {"vm"},
	"decide":           {"vm", "predict"},
	"decide/peer":      {"vm", "decide"},
	"migrate":          {"vm", "predict", "decide"},
	"learn":            {"vm", "observe", "predict", "decide", "migrate", "measure", "move", "stats"},
	"move":             {"vm", "observe", "predict", "decide", "decide/peer", "migrate", "measure", "journal"},
	"report":           {"vm", "predict", "decide", "measure", "move", "stats"},
	"hypervisor/qemu":  {"vm", "hypervisor/qmp", "internal/..."},

	"hypervisor/libvirt":             {"vm", "hypervisor/libvirt/rpc", "hypervisor/libvirt/preflight", "internal/..."},
	"hypervisor/libvirt/rpc":         {"internal/backlog"},
	"hypervisor/libvirt/rpc/rpctest": {"hypervisor/libvirt/rpc"},
	"hypervisor/libvirt/virsh":       {"vm", "internal/nearest"},
	"hypervisor/libvirt/preflight":   {"vm"},

	"hypervisor/qmp/qmptest": {"hypervisor/qmp"},
	"migrate/migratetest":    {"vm", "predict", "decide", "migrate"},

	"lab":            {"..."}, // the lab is a product like cmd/walm: it chooses drivers and uses the whole loop
	"lab/...":        {"vm", "lab", "lab/...", "internal/netns", "hypervisor/...", "observe"},
	"lab/experiment": {"vm", "internal/nearest", "decide/peer", "lab/debian", "lab/guest", "lab/guest/load"},
	"lab/results":    {"vm", "predict", "measure", "lab/experiment"},
	"lab/figures":    {"vm", "stats", "report", "lab/experiment", "lab/results"}, // of report: words for durations, the style sheet
	"lab/service":    {"vm", "measure", "lab/guest/load"},
	"lab/libvirtd":   {"vm", "pki", "lab", "lab/...", "hypervisor/qemu"},
	"lab/process":    {"internal/procfs"},
	"lab/storage":    {"vm", "hypervisor/qemu", "lab/debian", "lab/experiment", "lab/guest/load", "lab/netlab"},
	"lab/vmhost":     {"vm", "lab/debian", "lab/guest", "lab/hosts", "lab/netlab"},
	"lab/faults":     {"vm", "stats", "journal", "migrate", "measure", "move", "lab", "lab/...", "hypervisor/...", "internal/procfs"},
	"lab/trial":      {"..."}, // runs the plan on the lab
	"lab/guest/...":  {"vm", "lab/guest", "lab/guest/..."},
	"cmd/walm":       {"..."},
	"cmd/walm/...":   {"vm", "predict", "migrate", "report"},
	"studies":        {"..."},
	"studies/...":    {"..."},
}

func TestImports(t *testing.T) {
	for pkg, imports := range packages(t) {
		for _, imported := range imports {
			if !matches(allowedFor(pkg), imported) {
				t.Errorf("%s imports %s, which the design does not allow (see ARCHITECTURE.md)", pkg, imported)
			}
		}
	}
}

// allowedFor is the table's most telling entry for a package.
func allowedFor(pkg string) []string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if name == pkg {
			return allowed[name]
		}
		if prefix, ok := strings.CutSuffix(name, "..."); ok && strings.HasPrefix(pkg, prefix) && len(name) > len(best) {
			best = name
		}
	}
	return allowed[best]
}

func matches(names []string, pkg string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		prefix, all := strings.CutSuffix(name, "...")
		return name == pkg || all && strings.HasPrefix(pkg, prefix)
	})
}

// packages gives the imports of ours per package, tests left out. The files are parsed, because a test that asked the go
// command would stay cached after a violation.
func packages(t *testing.T) map[string][]string {
	all := map[string][]string{}
	files(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		pkg := path.Dir(filepath.ToSlash(name))
		for _, spec := range f.Imports {
			if of, err := strconv.Unquote(spec.Path.Value); err == nil {
				if ours, ok := strings.CutPrefix(of, "walm/"); ok {
					all[pkg] = append(all[pkg], ours)
				}
			}
		}
	})
	return all
}

// TestPackageComments: every package says once what it is.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	files(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(filepath.ToSlash(name))
		if f.Doc != nil {
			comments[dir]++
		} else {
			comments[dir] += 0
		}
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, not one", dir, n)
		}
	}
}

func files(t *testing.T, each func(name string)) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.'):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go"):
			each(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
