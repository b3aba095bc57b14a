package salfner

import (
	"strconv"

	"walm/studies/study"
)

// tableTwo is Table II as published, beside ours.
func tableTwo() study.Table {
	return study.Table{
		Caption: "Table II. Ours under Xen's stop rule beside Xen, under QEMU's beside VMware, which is no reproduction. Times are " +
			"a 16th to a 32nd of the published; the ratios are what to compare",
		Head: []string{"", "mean, s", "max:min of means", "of all", "SD within a treatment, s", "overall, s", "n", "never ended"},
		Rows: func(d study.Data) [][]string {
			xen, qemu := underXen(d), d.Trials("factorial").Pick("stop-rule", "qemu")
			if len(xen) == 0 || len(qemu) == 0 {
				return nil
			}
			return [][]string{
				{"Xen, TMT, published", "89.73", "9.01", "9.10", "6.32", "39.08", "10560", "–"},
				row("Xen's stop rule, TMT, ours", variabilityOf(xen, study.TMT)),
				{"Xen, DT, published", "7.69", "3.17", "3.46", "0.62", "2.94", "10560", "–"},
				row("Xen's stop rule, DT, ours", variabilityOf(xen, study.DT)),
				{"VMware, TMT, published", "30.93", "2.24", "2.96", "7.72", "7.51", "7040", "–"},
				row("QEMU's stop rule, TMT, ours", variabilityOf(qemu, study.TMT)),
				{"VMware, DT, published", "3.10", "16.27", "23.83", "0.50", "1.80", "7040", "–"},
				row("QEMU's stop rule, DT, ours", variabilityOf(qemu, study.DT)),
			}
		},
	}
}

func row(name string, v variability) []string {
	cells := []string{name}
	for _, x := range []float64{v.mean, v.ofMeans, v.ofAll, v.inTreatment, v.overall} {
		cells = append(cells, study.Quantity(x, ""))
	}
	return append(cells, strconv.Itoa(v.n), strconv.Itoa(v.censored))
}
