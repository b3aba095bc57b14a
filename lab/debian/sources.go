package debian

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// source is an archive of binary packages as apt's configuration names it: a deb822 stanza or a one-line entry.
type source struct {
	uris, suites, components []string
	trust                    []string // deb822 lines of the options that say why to trust it, verbatim
}

// trustOptions are the options worth carrying over, by their lower-case name in either format.
var trustOptions = map[string]string{
	"signed-by": "Signed-By", "trusted": "Trusted",
	"check-valid-until": "Check-Valid-Until", "check-date": "Check-Date",
}

// machineSources reads the sources that the machine's apt uses; etc is /etc/apt.
func machineSources(etc string) ([]source, error) {
	files := []string{filepath.Join(etc, "sources.list")}
	for _, ext := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join(etc, "sources.list.d", ext))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	var all []source
	for _, f := range files {
		text, err := os.ReadFile(f)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("read apt's sources: %w", err)
		case strings.HasSuffix(f, ".sources"):
			all = append(all, parseStanzas(string(text))...)
		default:
			all = append(all, parseLines(string(text))...)
		}
	}
	return all, nil
}

// parseStanzas reads the enabled sources of binary packages in deb822 format (sources.list(5)). Broken stanzas are
// left out: telling the user of them is apt's business.
func parseStanzas(text string) []source {
	var all []source
	fields := map[string]string{}
	last := ""
	flush := func() {
		enabled := strings.ToLower(strings.TrimSpace(fields["enabled"]))
		s := source{
			uris: strings.Fields(fields["uris"]), suites: strings.Fields(fields["suites"]),
			components: strings.Fields(fields["components"]),
		}
		for _, option := range sorted(trustOptions) {
			if v, ok := fields[option]; ok {
				s.trust = append(s.trust, trustOptions[option]+":"+v)
			}
		}
		if slices.Contains(strings.Fields(fields["types"]), "deb") && s.usable() && enabled != "no" && enabled != "false" {
			all = append(all, s)
		}
		fields, last = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch name, value, ok := strings.Cut(line, ":"); {
		case line == "":
			flush()
		case line[0] == '#': // also between the lines of one field
		case line[0] == ' ' || line[0] == '\t':
			if last != "" {
				fields[last] += "\n" + line
			}
		case ok:
			last = strings.ToLower(name)
			fields[last] = value
		default:
			last = ""
		}
	}
	flush()
	return all
}

// parseLines reads the sources of binary packages in the one-line format: deb [option=value …] uri suite component…
func parseLines(text string) []source {
	var all []source
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t' && rest[0] != '[') {
			continue
		}
		rest = strings.TrimSpace(rest)
		var s source
		if strings.HasPrefix(rest, "[") {
			options, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				continue
			}
			rest = after
			for option := range strings.FieldsSeq(options) {
				name, value, _ := strings.Cut(option, "=")
				if field, ok := trustOptions[strings.ToLower(strings.TrimSuffix(name, "+"))]; ok {
					s.trust = append(s.trust, field+": "+strings.ReplaceAll(value, ",", " "))
				}
			}
		}
		rest, _, _ = strings.Cut(rest, "#")
		if f := strings.Fields(rest); len(f) >= 2 {
			s.uris, s.suites, s.components = f[:1], f[1:2], f[2:]
		}
		if s.usable() {
			all = append(all, s)
		}
	}
	return all
}

// usable says whether apt could be asked for packages of s without a human changing disks.
func (s source) usable() bool {
	isDisk := func(uri string) bool { return strings.HasPrefix(uri, "cdrom:") }
	return len(s.uris) > 0 && len(s.suites) > 0 && !slices.ContainsFunc(s.uris, isDisk)
}

// debianSources picks from the machine's sources those of Debian 12 itself, and adds backports, which are on the same
// servers, where wanted. Third parties also publish suites called bookworm; where there is a choice, the archive whose
// address ends as Debian's mirrors' do is Debian's. Sid stands alone, on the servers of bookworm where the machine names no
// others: what it carries does not go with what bookworm does.
func debianSources(all []source, suite Suite) ([]source, error) {
	pick := func(suite string) (source, bool) {
		var found []source
		for _, s := range all {
			if slices.Contains(s.suites, suite) && slices.Contains(s.components, "main") {
				found = append(found, source{s.uris, []string{suite}, []string{"main"}, s.trust})
			}
		}
		if len(found) == 0 {
			return source{}, false
		}
		if i := slices.IndexFunc(found, func(s source) bool {
			return strings.HasPrefix(path.Base(s.uris[0]), "debian")
		}); i >= 0 {
			return found[i], true
		}
		return found[0], true
	}
	base, ok := pick("bookworm")
	if !ok {
		return nil, errors.New("no apt source of this machine carries the suite bookworm, component main: " +
			"add Debian 12's to /etc/apt/sources.list.d, as in sources.list(5)")
	}
	if suite == Sid {
		s, ok := pick(string(Sid))
		if !ok {
			s = source{base.uris, []string{string(Sid)}, base.components, base.trust}
		}
		return []source{s}, nil
	}
	sources := []source{base}
	for _, name := range []string{"bookworm-updates", "bookworm-security"} {
		if s, ok := pick(name); ok {
			sources = append(sources, s)
		}
	}
	if suite == Backports {
		s, ok := pick(string(Backports))
		if !ok {
			s = source{base.uris, []string{string(Backports)}, base.components, base.trust}
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// Reaches says why this machine cannot have what is in a suite, as far as that is known without the network: nil where its
// apt sources name a server.
func Reaches(suite Suite) error {
	if err := Supported(); err != nil {
		return err
	}
	all, err := machineSources("/etc/apt")
	if err == nil {
		_, err = debianSources(all, suite)
	}
	return err
}

// deb822 writes sources as apt reads them.
func deb822(sources []source) string {
	var b strings.Builder
	for _, s := range sources {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n",
			strings.Join(s.uris, " "), strings.Join(s.suites, " "), strings.Join(s.components, " "))
		for _, line := range s.trust {
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
