package study

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
)

// writeDesign says what was run, on what, how long that took, and what the published design would take.
func (s Study) writeDesign(b *bytes.Buffer, d Data) error {
	fmt.Fprint(b, "## Experiments\n\n")
	var rows [][]string
	var took time.Duration
	var machines, doubts []string
	for _, run := range s.Runs {
		name := strings.TrimSuffix(run, path.Ext(run))
		set, ran := d[name]
		x, plan, of, err := s.designOf(run, set)
		if err != nil {
			return err
		}
		row := []string{fmt.Sprintf("[%s](%s)", name, run), x.Question, factors(x), fmt.Sprint(x.Repetitions)}
		if !ran {
			rows = append(rows, append(row, fmt.Sprintf("not run (%d planned)", len(plan)), "–"))
			continue
		}
		var spent time.Duration
		for _, t := range set.Trials {
			spent += t.Took
		}
		took += spent
		rows = append(rows, append(row, ended(set, len(plan)), spent.Round(time.Second).String()))
		if m := machine(set); !slices.Contains(machines, m) {
			machines = append(machines, m)
		}
		if len(set.Trials) < len(plan) {
			doubts = append(doubts, fmt.Sprintf("%s: %d of %d migrations are still to be run", name, len(plan)-len(set.Trials), len(plan)))
		}
		for _, text := range set.Damaged {
			doubts = append(doubts, name+": "+text)
		}
		if !of {
			doubts = append(doubts, name+": the results are of another version of "+run+": run it again")
		}
	}
	writeTable(b, []string{"experiment", "question", "factors", "repetitions", "migrations", "took"}, rows)
	for _, m := range machines {
		fmt.Fprintf(b, "Run on %s.\n", m)
	}
	if took > 0 {
		fmt.Fprintf(b, "In all %s, with boots, warm-up and checks.\n", took.Round(time.Minute))
	}
	for _, text := range doubts {
		fmt.Fprintf(b, "\n**Doubtful:** %s\n", text)
	}
	fmt.Fprintln(b)
	return s.writeFull(b)
}

// designOf is the experiment that results are of: a run of the study, or the same as published. It says whether they are
// of one of the two.
func (s Study) designOf(run string, set results.Set) (x *experiment.Experiment, plan []experiment.Trial, of bool, err error) {
	for _, file := range []string{"full/" + run, run} {
		if x, err = s.Experiment(file); errors.Is(err, fs.ErrNotExist) && file != run {
			continue
		}
		if err != nil {
			return nil, nil, false, err
		}
		if plan, err = x.Plan(); err != nil {
			return nil, nil, false, err
		}
		fingerprint, err := experiment.Fingerprint(plan)
		if err != nil || fingerprint == set.Header.Plan {
			return x, plan, true, err
		}
	}
	return x, plan, false, nil
}

// factors shows a design: "link (4) × method (2)".
func factors(x *experiment.Experiment) string {
	var parts []string
	for _, f := range x.Factors {
		parts = append(parts, fmt.Sprintf("%s (%d)", f.Name, len(f.Levels)))
	}
	text := strings.Join(parts, " × ")
	if len(x.LeaveOut) > 0 {
		text += ", in part"
	}
	return text
}

// ended counts how the trials of a set ended: "36 of 36, 4 of them censored".
func ended(set results.Set, planned int) string {
	count := map[results.Status]int{}
	for _, t := range set.Trials {
		count[t.Status]++
	}
	text := fmt.Sprintf("%d of %d", len(set.Trials), planned)
	for _, status := range []results.Status{results.Censored, results.Failed, results.Broken} {
		if count[status] > 0 {
			text += fmt.Sprintf(", %d %s", count[status], status)
		}
	}
	return text
}

func machine(set results.Set) string {
	m := set.Header.Machine
	text := fmt.Sprintf("%s, %d cores, %v of memory, Linux %s; hosts: %s; QEMU %s", m.CPU, m.Cores, m.Memory, m.Kernel, m.Hosts,
		strings.Join(m.QEMU, ", "))
	if len(set.Trials) > 0 {
		text += " under " + set.Trials[0].Setup.Accelerator
	}
	if m.Comment != "" {
		text += "; " + m.Comment
	}
	return text
}

// writeFull says what the published design would take at the least: each VM's memory over its link, once.
func (s Study) writeFull(b *bytes.Buffer) error {
	files, err := s.Full()
	if err != nil || len(files) == 0 {
		return err
	}
	fmt.Fprint(b, "The design as published, which two hosts with KVM can run:\n\n")
	var rows [][]string
	for _, file := range files {
		x, err := s.Experiment(file)
		if err != nil {
			return err
		}
		plan, err := x.Plan()
		if err != nil {
			return err
		}
		var least time.Duration
		for _, t := range plan {
			if t.Setup.Link > 0 {
				least += t.Setup.Memory.Over(t.Setup.Link)
			}
		}
		rows = append(rows, []string{fmt.Sprintf("[%s](%s)", path.Base(file), file), factors(x), fmt.Sprint(x.Repetitions),
			fmt.Sprint(len(plan)), hours(least)})
	}
	writeTable(b, []string{"file", "factors", "repetitions", "migrations", "sending each VM's memory once"}, rows)
	return nil
}

func hours(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
