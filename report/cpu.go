package report

import (
	"math"
	"time"

	"walm/measure"
	"walm/move"
	"walm/vm"
)

// cpuStep is the shortest stretch over which CPU use is a mean: times are counted in 10 ms (proc_pid_stat(5)), so that
// shorter ones would show steps of the counter.
const cpuStep = 250 * time.Millisecond

// cpu shows how many cores the guest and the hypervisors used. The guest's are a part of those of the hypervisor that it
// runs in.
func (t *timeline) cpu(rec move.Record) {
	stretches := t.stretches(rec.CPU)
	if len(stretches) == 0 {
		t.Missing = append(t.Missing, "CPU: nobody read what the guest and the hypervisors used")
		return
	}
	lines := []struct {
		class, name string
		of          func(measure.Usage) time.Duration
	}{
		{"source", "source's hypervisor", func(u measure.Usage) time.Duration { return u.Source }},
		{"destination", "destination's hypervisor", func(u measure.Usage) time.Duration { return u.Destination }},
		{"vcpus", "guest's vCPUs", func(u measure.Usage) time.Duration { return u.Guest }},
	}
	top := 0.5
	from, to, cores := make([]float64, len(stretches)), make([]float64, len(stretches)), make([][]float64, len(lines))
	for i, s := range stretches {
		from[i], to[i] = t.offset(s[0].At), t.offset(s[1].At)
		for j, l := range lines {
			c := (l.of(s[1]) - l.of(s[0])).Seconds() / (to[i] - from[i])
			cores[j] = append(cores[j], c)
			top = math.Max(top, c)
		}
	}
	y := t.panel("CPU (cores)", top*1.15, 3)
	x := t.x.a + 100
	for j, l := range lines {
		t.path("trace cpu "+l.class, t.steps(y, from, to, cores[j]), false)
		t.line("trace cpu "+l.class, x, y.b-13, x+16, y.b-13)
		t.text("note", x+21, y.b-9, "start", l.name)
		x += 21 + textWidth(l.name) + 22
	}
}

// stretches are pairs of readings, each at least a step apart and a two-hundredth of the axis.
func (t *timeline) stretches(readings []measure.Usage) [][2]measure.Usage {
	step := max(cpuStep, time.Duration((t.x.hi-t.x.lo)/200*float64(time.Second)))
	var list [][2]measure.Usage
	for i := 0; i < len(readings); {
		j := i + 1
		for j < len(readings) && readings[j].At.Sub(readings[i].At) < step {
			j++
		}
		if j == len(readings) {
			break
		}
		list = append(list, [2]measure.Usage{readings[i], readings[j]})
		i = j
	}
	return list
}

// throttle shows how far the hypervisor slowed the guest down, of a migration in which it did.
func (t *timeline) throttle(rec move.Record) {
	var points []xy
	var shares []float64
	var at []float64
	for _, e := range rec.Events {
		if p := e.Progress; p != nil && (e.Kind == vm.EventProgress || p.Throttle > 0) {
			at, shares = append(at, t.offset(e.At)), append(shares, float64(p.Throttle))
		}
	}
	if len(shares) == 0 || maximum(shares) == 0 {
		return
	}
	y := t.panel("throttle of the guest (%)", 105, 3)
	for i, s := range shares {
		if i > 0 {
			points = append(points, xy{t.x.at(at[i]), y.at(shares[i-1])})
		}
		points = append(points, xy{t.x.at(at[i]), y.at(s)})
	}
	t.area("throttle", points, y.a)
}

func maximum(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		m = math.Max(m, v)
	}
	return m
}
