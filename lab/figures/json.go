package figures

import (
	"encoding/json"
	"math"
	"time"

	"walm/lab/results"
)

// jsonVersion rises when a key is renamed, removed or changes its meaning; new keys may come without that.
const jsonVersion = 1

// The document of JSON. Numbers are in SI units; null is not known, and of a median or bound: never, since more trials
// than that had not ended at the limit.
type document struct {
	Schema      string          `json:"schema"` // "walm.experiment"
	Version     int             `json:"version"`
	Name        string          `json:"name"`
	Walm        string          `json:"walm"`
	Experiment  string          `json:"experiment"` // the file, whole
	Plan        string          `json:"plan_sha256"`
	Seed        uint64          `json:"seed"`
	Planned     int             `json:"trials_planned"`
	Started     time.Time       `json:"started"`
	Machine     machineDoc      `json:"machine"`
	Metrics     []metricDoc     `json:"metrics"`
	Cells       []cellDoc       `json:"cells"`
	Comparisons []comparisonDoc `json:"comparisons"`
	Trials      []trialDoc      `json:"trials"`
	Warnings    []string        `json:"warnings"`
}

type machineDoc struct {
	CPU     string   `json:"cpu"`
	Cores   int      `json:"cores"`
	Memory  int64    `json:"memory_bytes"`
	Kernel  string   `json:"kernel"`
	Hosts   string   `json:"hosts"`
	QEMU    []string `json:"qemu"`
	Nested  bool     `json:"nested"`
	Comment string   `json:"comment"`
}

type metricDoc struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	What string `json:"what"`
}

type levelDoc struct {
	Factor string `json:"factor"`
	Level  string `json:"level"`
}

type cellDoc struct {
	Levels   []levelDoc             `json:"levels"`
	Trials   int                    `json:"trials"`
	Done     int                    `json:"done"`
	Censored int                    `json:"censored"`
	Failed   int                    `json:"failed"`
	Broken   int                    `json:"broken"`
	Values   map[string]estimateDoc `json:"values"`
}

type estimateDoc struct {
	N          int      `json:"n"`
	Median     *float64 `json:"median"`
	Lo         *float64 `json:"lo"`
	Hi         *float64 `json:"hi"`
	Confidence float64  `json:"confidence"`
	Warning    string   `json:"warning,omitempty"`
}

type comparisonDoc struct {
	Metric   string      `json:"metric"`
	Factor   string      `json:"factor"`
	Base     string      `json:"base"`
	Against  string      `json:"against"`
	Contrast string      `json:"contrast"` // ratio: against ÷ base; difference: against − base
	Estimate estimateDoc `json:"estimate"`
	Delta    *float64    `json:"cliffs_delta"`
	P        *float64    `json:"p"`
	Holm     *float64    `json:"p_holm"`
	Unpaired int         `json:"unpaired"`
	None     string      `json:"none,omitempty"`
}

type trialDoc struct {
	Trial   int                 `json:"trial"`
	Block   int                 `json:"block"`
	Levels  []levelDoc          `json:"levels"`
	Status  string              `json:"status"`
	Why     string              `json:"why,omitempty"`
	Method  string              `json:"method"`
	Reason  string              `json:"reason,omitempty"`
	Host    string              `json:"host"`
	Started time.Time           `json:"started"`
	Steady  bool                `json:"steady"`
	Booted  bool                `json:"booted"`
	Load    float64             `json:"load"`
	Limit   float64             `json:"limit_seconds"`
	Values  map[string]*float64 `json:"values"`
}

// JSON is all of it for scripts, in the schema walm.experiment.
func JSON(set results.Set) ([]byte, error) {
	h, t := set.Header, Summary(set)
	d := document{Schema: "walm.experiment", Version: jsonVersion, Name: h.Name, Walm: h.Version, Experiment: h.Experiment,
		Plan: h.Plan, Seed: h.Seed, Planned: h.Trials, Started: h.Started.UTC(),
		Machine: machineDoc{h.Machine.CPU, h.Machine.Cores, int64(h.Machine.Memory), h.Machine.Kernel, h.Machine.Hosts, h.Machine.QEMU,
			h.Machine.Nested, h.Machine.Comment},
		Metrics: []metricDoc{}, Cells: []cellDoc{}, Comparisons: []comparisonDoc{}, Trials: []trialDoc{},
		Warnings: append([]string{}, t.Warnings...)}
	for _, m := range t.Metrics {
		d.Metrics = append(d.Metrics, metricDoc{m.Name, m.Unit, m.What})
	}
	for _, r := range t.Rows {
		c := cellDoc{[]levelDoc{}, r.N, r.Done, r.Censored, r.Failed, r.Broken, map[string]estimateDoc{}}
		for _, l := range r.Cell {
			c.Levels = append(c.Levels, levelDoc(l))
		}
		for i, m := range t.Metrics {
			e := r.Values[i]
			c.Values[m.Name] = estimateDoc{e.N, finite(e.Mid), finite(e.Lo), finite(e.Hi), e.Confidence, e.Warning}
		}
		d.Cells = append(d.Cells, c)
	}
	for _, family := range Families(set) {
		for _, c := range family {
			d.Comparisons = append(d.Comparisons, newComparisonDoc(c))
		}
	}
	for _, tr := range set.Trials {
		d.Trials = append(d.Trials, newTrialDoc(tr, t.Metrics))
	}
	return json.MarshalIndent(d, "", "  ")
}

func newComparisonDoc(c Comparison) comparisonDoc {
	d := comparisonDoc{Metric: c.Metric.Name, Factor: c.Factor, Base: c.A, Against: c.B, Unpaired: c.Unpaired, None: c.None}
	if c.None == "" {
		d.Contrast, d.Delta, d.P, d.Holm = string(c.Contrast), finite(c.Delta), finite(c.P), finite(c.Adjusted)
		d.Estimate = estimateDoc{c.N, finite(c.Mid), finite(c.Lo), finite(c.Hi), c.Confidence, c.Warning}
	}
	return d
}

func newTrialDoc(t results.Trial, metrics []results.Metric) trialDoc {
	d := trialDoc{t.N, t.Block, []levelDoc{}, string(t.Status), t.Why, string(t.Method), t.Reason, t.Host, t.Started.UTC(), t.Steady,
		t.Booted, t.Load, t.Setup.Limit.Seconds(), map[string]*float64{}}
	for _, l := range t.Cell {
		d.Levels = append(d.Levels, levelDoc(l))
	}
	for _, m := range metrics {
		if v, ok := t.Metric(m.Name); ok {
			d.Values[m.Name] = finite(v)
		}
	}
	return d
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}
