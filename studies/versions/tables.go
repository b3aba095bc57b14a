package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"walm/migrate"
	"walm/stats"
	"walm/studies/kept"
)

// Between these marks the README is made from the results.
const (
	startMark = "<!-- made by: go run ./studies/versions tables -->"
	endMark   = "<!-- end -->"
)

// tables writes the results into the README.
func tables() error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	made, err := made()
	if err != nil {
		return err
	}
	out, err := between(string(text), made)
	if err != nil {
		return err
	}
	return os.WriteFile(readme, []byte(out), 0o644)
}

// made is what the results give.
func made() (string, error) {
	trials, err := kept.Load[Trial](movesFile)
	if err != nil {
		return "", err
	}
	asked, err := kept.Load[Refusal](refusalsFile)
	if err != nil {
		return "", err
	}
	return movesTable(trials) + "\n" + reasons(trials) + "\n" + refusalsTable(asked), nil
}

func between(text, made string) (string, error) {
	before, rest, ok := strings.Cut(text, startMark)
	_, after, also := strings.Cut(rest, endMark)
	if !ok || !also {
		return "", fmt.Errorf("%s has no place for tables, which is between %s and %s", readme, startMark, endMark)
	}
	return before + startMark + "\n\n" + made + "\n" + endMark + after, nil
}

// pairs are the versions from and to which was moved, in the order of the results.
func pairs(all []Trial) (pairs [][2]string) {
	for _, t := range all {
		if p := [2]string{t.From, t.To}; t.From != "" && !slices.Contains(pairs, p) {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// movesTable has a row a pair and a column a way: how many moves left the guest whole, of how many, and their median
// downtime; "refused" with the number of its reason.
func movesTable(all []Trial) string {
	var b strings.Builder
	b.WriteString("| from → to | machine type |")
	for _, w := range ways() {
		fmt.Fprintf(&b, " %s |", w.name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(ways())) + "\n")
	why := refusedFor(all)
	for _, p := range pairs(all) {
		var machine string
		cells := ""
		for _, w := range ways() {
			var of []Trial
			for _, t := range all {
				if t.From == p[0] && t.To == p[1] && t.Way == w.name {
					of, machine = append(of, t), t.Machine
				}
			}
			cells += " " + cell(of, why) + " |"
		}
		fmt.Fprintf(&b, "| %s → %s | %s |%s\n", p[0], p[1], machine, cells)
	}
	return b.String()
}

func cell(of []Trial, why []string) string {
	var down stats.Sample
	moved, whole := 0, 0
	for _, t := range of {
		switch {
		case t.Refused != "" && t.Err == "":
			return fmt.Sprintf("refused (%d)", slices.Index(why, t.Refused)+1)
		case t.State == migrate.Completed && t.Whole:
			whole++
			down = append(down, t.DT.Seconds())
		}
		moved++
	}
	if moved == 0 {
		return "–"
	}
	text := fmt.Sprintf("%d of %d", whole, moved)
	if len(down) > 0 {
		text += ", " + (time.Duration(down.Median() * float64(time.Second))).Round(time.Millisecond).String()
	}
	return text
}

// refusedFor are the reasons why walm did not begin, in the order of the results.
func refusedFor(all []Trial) (why []string) {
	for _, t := range all {
		if t.Refused != "" && !slices.Contains(why, t.Refused) {
			why = append(why, t.Refused)
		}
	}
	return why
}

// reasons tells them, and what the moves come to.
func reasons(all []Trial) string {
	var b strings.Builder
	moved, whole, switched, toSwitch, refused, stayed := 0, 0, 0, 0, 0, 0
	var failed []string
	for _, t := range all {
		if t.Refused != "" {
			refused++
			if t.Whole {
				stayed++
			}
			continue
		}
		moved++
		if t.Whole {
			whole++
		}
		if find(t.Way).method.Postcopies() {
			toSwitch++
			if t.Switch {
				switched++
			}
		}
		if t.Err != "" {
			failed = append(failed, fmt.Sprintf("- %s → %s, %s: %s\n", t.From, t.To, t.Way, t.Err))
		}
	}
	fmt.Fprintf(&b, "Of %d moves %d left the guest alive with every page as it was written (95 %% lower bound of the share: %.1f %%);"+
		" of %d by post-copy or hybrid, %d entered post-copy. %d were refused, and the guest ran on where it was %d times.\n\n", moved, whole,
		100*lower(whole, moved), toSwitch, switched, refused, stayed)
	for i, why := range refusedFor(all) {
		fmt.Fprintf(&b, "(%d) %s\n", i+1, why)
	}
	if len(failed) > 0 {
		b.WriteString("\nFailed:\n\n" + strings.Join(failed, ""))
	}
	return b.String()
}

// refusalsTable has a row a question: what walm says, and what QEMU does when it is made to migrate all the same. Rows that
// differ in their versions alone are one.
func refusalsTable(all []Refusal) string {
	type row struct{ what, said, does string }
	of := map[row][]string{}
	var rows []row
	for _, r := range all {
		x := row{r.What, "–", "completes"}
		if len(r.Said) > 0 {
			x.said = strings.Join(r.Said, "<br>")
		}
		if r.QEMU != "" {
			x.does = "fails: " + r.QEMU
		}
		if of[x] == nil {
			rows = append(rows, x)
		}
		of[x] = append(of[x], r.From+" → "+r.To)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.what, b.what) })
	var b strings.Builder
	b.WriteString("| started with | from → to | walm says before anything moves | QEMU, made to migrate all the same |\n|---|---|---|---|\n")
	for _, x := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.what, strings.Join(of[x], "<br>"), x.said, x.does)
	}
	return b.String()
}

// lower is the lower end of Wilson's 95 % interval of a share.
func lower(of, n int) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.96
	p, m := float64(of)/float64(n), float64(n)
	return (p + z*z/(2*m) - z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}
