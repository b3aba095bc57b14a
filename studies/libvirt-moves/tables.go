package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"walm/lab/debian"
	"walm/stats"
	"walm/vm"
)

// version is what a suite's libvirt and QEMU are called.
func version(s debian.Suite) string {
	if s == debian.Bookworm {
		return "libvirt 9.0, QEMU 7.2"
	}
	return "libvirt 11.3, QEMU 10.0"
}

func tables(w io.Writer, all []Trial) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "hosts\tmethod\tmoves\tguest whole\ttotal time\tdowntime")
	for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
		for _, m := range vm.Methods() {
			of := pick(all, suite, "soak", m, byWalm)
			whole := 0
			for _, t := range of {
				if t.Whole {
					whole++
				}
			}
			if len(of) > 0 {
				fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%s\t%s\n", version(suite), m, len(of), whole, median(of, total), median(of, down))
			}
		}
	}
	fmt.Fprintln(out, "\t\t\t\t\t")
	fmt.Fprintln(out, "hosts\tmethod\tpairs\twalm less virsh, median (95 %)\ttotal time\tdowntime")
	for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
		for _, m := range []vm.Method{vm.PreCopy, vm.PostCopy} {
			ours, theirs := pairs(all, suite, m)
			if len(ours) < 2 {
				continue
			}
			tmt, err := difference(ours, theirs, total)
			if err != nil {
				return err
			}
			dt, err := difference(ours, theirs, down)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s\t%s\t%d\t\t%s\t%s\n", version(suite), m, len(ours), tmt, dt)
		}
	}
	fmt.Fprintln(out, "\t\t\t\t\t")
	diskTable(out, all)
	fmt.Fprintln(out, "\t\t\t\t\t")
	fmt.Fprintln(out, "hosts\tdisk that is filled as it is moved\tmoves\twith lost blocks\tblocks lost\tlooked for")
	for _, line := range growTable(all) {
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

func total(t Trial) time.Duration { return t.TMT }
func down(t Trial) time.Duration  { return t.DT }

func pick(all []Trial, suite debian.Suite, run string, m vm.Method, by string) (of []Trial) {
	for _, t := range all {
		if t.Suite == suite && t.Run == run && t.Method == m && t.By == by {
			of = append(of, t)
		}
	}
	return of
}

// pairs are the rounds in which both moved the guest whole.
func pairs(all []Trial, suite debian.Suite, m vm.Method) (ours, theirs []Trial) {
	for _, a := range pick(all, suite, "virsh", m, byWalm) {
		for _, b := range pick(all, suite, "virsh", m, byVirsh) {
			if a.N == b.N && a.Whole && b.Whole {
				ours, theirs = append(ours, a), append(theirs, b)
			}
		}
	}
	return ours, theirs
}

func sample(of []Trial, q func(Trial) time.Duration) (s stats.Sample) {
	for _, t := range of {
		s = append(s, q(t).Seconds())
	}
	return s
}

func words(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

func median(of []Trial, q func(Trial) time.Duration) string {
	var whole []Trial
	for _, t := range of {
		if t.Whole {
			whole = append(whole, t)
		}
	}
	if len(whole) == 0 {
		return "–"
	}
	return words(sample(whole, q).Median())
}

func difference(ours, theirs []Trial, q func(Trial) time.Duration) (string, error) {
	c, err := stats.Compare(sample(theirs, q), sample(ours, q), stats.Difference, 0.95, 1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%s – %s)", words(c.Mid), words(c.Lo), words(c.Hi)), nil
}
