package debian

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// baseStatus keeps of dpkg's status file the packages that no Debian system can be without (the essential ones, and
// all they depend on). Against it, apt lists everything else that QEMU needs, so that the cache works the same whatever
// the user has installed, and goes on working when the user removes it.
func baseStatus(status string) (string, error) {
	packages := map[string]stanza{}
	providers := map[string][]string{}
	var todo []string
	for text := range strings.SplitSeq(status, "\n\n") {
		s := parseStanza(text)
		if s.name == "" || !strings.HasSuffix(s.fields["status"], " installed") {
			continue
		}
		if arch := s.fields["architecture"]; arch != "amd64" && arch != "all" {
			continue
		}
		if _, known := packages[s.name]; known {
			continue
		}
		packages[s.name] = s
		for _, p := range names(s.fields["provides"]) {
			providers[p] = append(providers[p], s.name)
		}
		if s.fields["essential"] == "yes" {
			todo = append(todo, s.name)
		}
	}
	if len(todo) == 0 {
		return "", errors.New("dpkg's status lists no essential package for amd64: walm's lab needs an amd64 Debian 12")
	}
	keep := map[string]bool{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		s, ok := packages[name]
		if !ok || keep[name] {
			continue
		}
		keep[name] = true
		// Every installed alternative of "a | b" is kept: a superset does no harm.
		for _, d := range append(names(s.fields["depends"]), names(s.fields["pre-depends"])...) {
			todo = append(append(todo, d), providers[d]...)
		}
	}
	var b strings.Builder
	for _, name := range sorted(keep) {
		b.WriteString(packages[name].text + "\n\n")
	}
	return b.String(), nil
}

type stanza struct {
	name, text string
	fields     map[string]string // first lines only, by lower-case name; relations are always on one line
}

func parseStanza(text string) stanza {
	s := stanza{text: strings.Trim(text, "\n"), fields: map[string]string{}}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		if ok && line[0] != ' ' && line[0] != '\t' {
			s.fields[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	s.name = s.fields["package"]
	return s
}

// names lists the packages in a relation such as "libc6 (>= 2.34), perl:any | awk".
func names(relation string) []string {
	var all []string
	for _, r := range strings.FieldsFunc(relation, func(c rune) bool { return c == ',' || c == '|' }) {
		r, _, _ = strings.Cut(r, "(")
		r, _, _ = strings.Cut(strings.TrimSpace(r), ":")
		if r != "" {
			all = append(all, r)
		}
	}
	return all
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
