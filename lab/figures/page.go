package figures

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/report"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// The page as the template sees it: everything is already in words.
type page struct {
	CSS, More      template.CSS
	Name, Question string
	Mood, Line     string
	Facts, Machine []fact
	Warnings       []string
	Head           []string
	Factors        int // of the columns
	Rows           [][]string
	Figures        []figure
	Families       []family
	TrialHead      []string
	Trials         [][]string
	Experiment     string
	Statistics     []string
}

type fact struct{ Name, Value, More string }

type figure struct{ SVG template.HTML }

type family struct {
	Factor string
	Rows   [][]string
}

// Page is the whole report as one page that needs nothing else: no script, no font, no picture from elsewhere.
func Page(set results.Set, specs ...Spec) ([]byte, error) {
	if len(specs) == 0 {
		specs = Figures(set)
	}
	h := set.Header
	p := page{CSS: report.CSS(), More: template.CSS(pageCSS), Name: h.Name, Mood: "good", Experiment: h.Experiment,
		Warnings: Warnings(set), Facts: facts(set), Machine: machine(set), Statistics: statistics()}
	if x, err := experiment.Parse(h.Name, []byte(h.Experiment)); err == nil {
		p.Question = x.Question
	}
	p.Line = strings.Join([]string{"walm " + h.Version, h.Machine.Hosts, h.Started.UTC().Format("2 Jan 2006 15:04 UTC"),
		fmt.Sprintf("seed %d", h.Seed)}, " · ")
	if len(p.Warnings) > 0 {
		p.Mood = "warn"
	}
	table := Summary(set, pageMetrics()...)
	p.summary(table)
	for _, s := range specs {
		pic, err := pictureOf(set, s)
		if err != nil {
			continue // an experiment need not have what is drawn unasked
		}
		svg, err := pic.svg()
		if err != nil {
			return nil, err
		}
		p.Figures = append(p.Figures, figure{template.HTML(svg)})
	}
	for _, f := range Families(set) {
		p.Families = append(p.Families, newFamily(f))
	}
	p.trials(set, table)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("write the page of experiment %s: %w", h.Name, err)
	}
	return b.Bytes(), nil
}

// pageMetrics are those of the page's table, where there are any.
func pageMetrics() []string {
	return append(Usual(), "passes", "suspend", "copy", "resume", "cpu-guest", "app-gap", "app-p99", "app-p99-during", "app-failed",
		"tmt-forecast", "tmt-error")
}

func facts(set results.Set) []fact {
	count := map[results.Status]int{}
	var took time.Duration
	booted := 0
	for _, t := range set.Trials {
		count[t.Status]++
		took += t.Took
		if t.Booted {
			booted++
		}
	}
	n := len(set.Trials)
	list := []fact{
		{"trials", fmt.Sprint(n), fmt.Sprintf("of %d planned, in %d cells", set.Header.Trials, len(set.Cells()))},
		{"done", fmt.Sprint(count[results.Done]), "guest alive, memory as it was written"},
	}
	for _, s := range []struct {
		status results.Status
		what   string
	}{{results.Censored, "had not ended at the limit"}, {results.Failed, "the VM stayed or was lost"},
		{results.Broken, "no migration was begun"}} {
		if count[s.status] > 0 {
			list = append(list, fact{string(s.status), fmt.Sprint(count[s.status]), s.what})
		}
	}
	if n > 0 && took > 0 {
		list = append(list, fact{"time taken", report.Duration(took),
			fmt.Sprintf("%s a trial; guests booted: %d", report.Duration(took/time.Duration(n)), booted)})
	}
	return list
}

func machine(set results.Set) []fact {
	m := set.Header.Machine
	f := []fact{{"CPU", fmt.Sprintf("%s, %d cores", m.CPU, m.Cores), ""}, {"memory", m.Memory.String(), ""}, {"kernel", m.Kernel, ""},
		{"hosts", m.Hosts, ""}, {"QEMU", list(m.QEMU), ""}, {"scale", scaled(set), ""}, {"plan", set.Header.Plan, "SHA-256"}}
	if m.Comment != "" {
		f = append(f, fact{"comment", m.Comment, ""})
	}
	return f
}

func (p *page) summary(t Table) {
	p.Factors = len(t.Factors)
	p.Head = append(append([]string{}, t.Factors...), "n", "ended as")
	if t.chose() {
		p.Head = append(p.Head, "chosen")
	}
	units := t.units()
	for i, m := range t.Metrics {
		p.Head = append(p.Head, units[i].with(m.Name))
	}
	for _, r := range t.Rows {
		var row []string
		for _, l := range r.Cell {
			row = append(row, l.Level)
		}
		row = append(row, fmt.Sprint(r.N), r.ends())
		if t.chose() {
			row = append(row, r.Methods)
		}
		for i, m := range t.Metrics {
			row = append(row, r.text(i, m, units[i]))
		}
		p.Rows = append(p.Rows, row)
	}
}

func newFamily(all []Comparison) family {
	f := family{Factor: all[0].Factor}
	for _, c := range all {
		row := []string{c.Metric.Name, c.B + " against " + c.A, "0", c.None, "", "", "", ""}
		if c.None == "" {
			row = []string{c.Metric.Name, c.B + " against " + c.A, fmt.Sprint(c.N), c.Effect(), three(c.Delta), pText(c.P),
				pText(c.Adjusted), c.remark()}
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

func (p *page) trials(set results.Set, t Table) {
	p.TrialHead = append([]string{"trial", "block"}, t.Factors...)
	p.TrialHead = append(p.TrialHead, "ended as", "hosts", "method")
	units := t.units()
	for i, m := range t.Metrics {
		p.TrialHead = append(p.TrialHead, units[i].with(m.Name))
	}
	p.TrialHead = append(p.TrialHead, "steady", "load", "")
	for _, tr := range set.Trials {
		row := []string{fmt.Sprint(tr.N), fmt.Sprint(tr.Block)}
		for _, l := range tr.Cell {
			row = append(row, l.Level)
		}
		row = append(row, string(tr.Status), tr.Host, string(tr.Method))
		for i, m := range t.Metrics {
			if v, ok := tr.Metric(m.Name); ok {
				row = append(row, three(v/units[i].by))
			} else {
				row = append(row, "–")
			}
		}
		p.Trials = append(p.Trials, append(row, yes(tr.Steady), three(tr.Load), strings.TrimSpace(tr.Why+" "+tr.Reason)))
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// statistics says how the numbers were made, for those who must judge them.
func statistics() []string {
	return []string{
		"Every cell is run once in each block, in a random order that comes from the seed. What needs a boot to change is changed " +
			"least often: its levels are the whole plots of a split-plot design.",
		"A cell's number is the median with its 95 % bootstrap percentile interval (10,000 resamples). Below six trials no interval " +
			"attains 95 %: the range is given in its place.",
		"A migration that had not ended at its limit is censored: its total time counts as longer than every one that ended, and is " +
			"in medians and ranks. Failed and broken trials are counted, and are in no median.",
		"Comparisons are paired: same block, same levels of all other factors. Given are the median ratio (difference where a number " +
			"is zero) with its interval, Cliff's delta (−1 … 1: how surely one level lies above the other), and the p of Wilcoxon's " +
			"signed-rank test, corrected by Holm's method over all comparisons of the factor.",
		"TMT: command accepted → nothing of the VM left on the source. DT: source STOP → destination RESUME, on one clock. Service: " +
			"the longest gap that a client's 1 kHz probe saw. Loss: the guest's own lost work in seconds at full speed.",
	}
}
