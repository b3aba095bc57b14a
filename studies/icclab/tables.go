package icclab

import (
	"walm/studies/study"
)

// published are tables 1 and 2: stressed memory in MB, and seconds.
func published() []struct{ stressed, tmtSlow, tmtFast, dtSlow, dtFast string } {
	return []struct{ stressed, tmtSlow, tmtFast, dtSlow, dtFast string }{
		{"0", "11.9", "8.3", "0.3", "0.2"},
		{"1024", "28.9", "11.6", "0.3", "0.2"},
		{"2048", "47.0", "14.9", "0.3", "0.2"},
		{"3072", "64.4", "18.6", "0.3", "0.2"},
		{"4096", "81.3", "22.1", "0.3", "0.4"},
		{"5120", "96.3", "26.1", "0.4", "0.4"},
		{"6144", "116.4", "29.9", "0.4", "0.3"},
		{"7168", "133.4", "34.5", "0.6", "0.4"},
		{"8192", "151.8", "40.5", "0.6", "0.5"},
	}
}

func tables() []study.Table {
	beside := func(caption string, m study.Metric, by func(scaled) float64, of func(i int) (slow, fast string)) study.Table {
		return study.Table{
			Caption: caption,
			Head:    []string{"stressed, as published", "here", "published, 1 Gb/s", "ours", "published, 10 Gb/s", "ours"},
			Rows: func(d study.Data) [][]string {
				t, scale := hybrid(d)
				if len(t) == 0 {
					return nil
				}
				var rows [][]string
				for i, p := range published() {
					level := study.Quantity(study.Number(p.stressed)/scale.memory, "")
					ours := func(link string) string {
						e := t.Pick("stressed", level+"MiB", "link", link).Middle(m)
						e.Mid, e.Lo, e.Hi = e.Mid*by(scale), e.Lo*by(scale), e.Hi*by(scale)
						return study.Say(e, "s")
					}
					s, f := of(i)
					rows = append(rows, []string{p.stressed + " MB", level + " MiB", s + " s", ours(scale.slow), f + " s", ours(scale.fast)})
				}
				return rows
			},
		}
	}
	return []study.Table{
		beside("Table 1, total time of hybrid. In ours the scale is undone, of the memory of the guest's own system too, which "+
			"did not scale: the steps from row to row are what to compare",
			study.TMT, func(s scaled) float64 { return s.seconds(1) }, func(i int) (string, string) { return published()[i].tmtSlow, published()[i].tmtFast }),
		beside("Table 2, downtime of hybrid. Not scaled: the switch does not scale", study.DT, func(scaled) float64 { return 1 },
			func(i int) (string, string) { return published()[i].dtSlow, published()[i].dtFast }),
	}
}
