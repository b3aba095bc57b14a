package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// target is a fuzz target: a function of a package's tests.
type target struct{ pkg, dir, name string }

func (t target) String() string { return t.pkg + " " + t.name }

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find lists the targets below a folder, in the order of their files.
func find(root string) (all []target, err error) {
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			all = append(all, target{path.Join("walm", dir), dir, m[1]})
		}
		return nil
	})
	return all, err
}

// below are the targets in some folders and what lies below them; all, of no folder.
func below(all []target, folders []string) (some []target) {
	for _, t := range all {
		if len(folders) == 0 || slices.ContainsFunc(folders, func(f string) bool {
			return t.dir == path.Clean(f) || strings.HasPrefix(t.dir, path.Clean(f)+"/")
		}) {
			some = append(some, t)
		}
	}
	return some
}
