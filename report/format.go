package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"walm/predict"
	"walm/vm"
)

// Duration shows d with three significant digits and the unit that suits it: "23 ms", "8.66 s", "1 min 40 s".
func Duration(d time.Duration) string {
	if d == predict.Never {
		return "never"
	}
	if d < 0 {
		return "−" + Duration(max(-d, 0))
	}
	switch d = threeDigits(d); {
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return strconv.Itoa(int(d)) + " ns"
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// threeDigits rounds to what Duration shows, before the unit is chosen: 999.7 ms is 1 s.
func threeDigits(d time.Duration) time.Duration {
	step := time.Duration(1)
	switch {
	case d >= time.Hour:
		step = time.Minute
	case d >= 59950*time.Millisecond:
		step = time.Second
	default:
		for d/step >= 1000 {
			step *= 10
		}
	}
	return d.Round(step)
}

func digits(x float64) string {
	decimals := 2
	switch a := math.Abs(x); {
	case a >= 99.95:
		decimals = 0
	case a >= 9.995:
		decimals = 1
	}
	s, frac, _ := strings.Cut(strconv.FormatFloat(x, 'f', decimals, 64), ".")
	if strings.Trim(frac, "0") != "" {
		s += "." + frac
	} else if s == "-0" {
		s = "0"
	}
	return strings.Replace(s, "-", "−", 1)
}

// interval joins a median and its bounds: "8.66 s (8.2 – 9.4)". The bounds drop their unit where all three share it.
func interval(mid, lo, hi string) string {
	if lo == mid && hi == mid {
		return mid
	}
	if u := unit(mid); u != "" && unit(lo) == u && unit(hi) == u {
		lo, hi = strings.TrimSuffix(lo, u), strings.TrimSuffix(hi, u)
	}
	return fmt.Sprintf("%s (%s – %s)", mid, lo, hi)
}

// unit is the unit of a value such as "23 ms"; empty for "1 min 40 s" and "never", which have no single one.
func unit(s string) string {
	if _, u, ok := strings.Cut(s, " "); ok && !strings.Contains(u, " ") {
		return " " + u
	}
	return ""
}

func span(s predict.Span) string { return interval(Duration(s.Mid), Duration(s.Lo), Duration(s.Hi)) }

func size(s predict.Size) string { return interval(s.Mid.String(), s.Lo.String(), s.Hi.String()) }

// percent shows a share of 0 to 1.
func percent(x float64) string { return digits(100*x) + " %" }

// signed puts a plus before what is positive.
func signed(s string) string {
	if strings.HasPrefix(s, "−") || s == "0" || strings.HasPrefix(s, "0 ") {
		return s
	}
	return "+" + s
}

// count groups thousands: 65,536.
func count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return count(n) + " " + noun
}

// params names the parameters that are used: "1 pass, preempt".
func params(p vm.Params) string {
	var s []string
	add := func(used bool, format string, args ...any) {
		if used {
			s = append(s, fmt.Sprintf(format, args...))
		}
	}
	add(p.Passes > 0, "%s before the switch", plural(p.Passes, "pass"))
	add(p.DowntimeLimit > 0, "downtime limit %s", Duration(p.DowntimeLimit))
	add(p.Bandwidth > 0, "at most %s", p.Bandwidth)
	add(p.Switchover > 0, "switchover at %s", p.Switchover)
	add(p.ThrottleMax > 0, "throttle from %d %% by %d to %d %%", p.ThrottleInitial, p.ThrottleIncrement, p.ThrottleMax)
	add(p.Preempt, "preempt")
	add(p.PostcopyBandwidth > 0, "post-copy at most %s", p.PostcopyBandwidth)
	add(p.Multifd > 0, "%s", plural(p.Multifd, "channel"))
	add(p.Compression != "", "%s", p.Compression)
	return strings.Join(s, ", ")
}
