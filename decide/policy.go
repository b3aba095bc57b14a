package decide

import (
	"fmt"
	"slices"
	"strings"

	"walm/predict"
	"walm/vm"
)

// Profiles lists the profiles, the default first.
func Profiles() []Profile { return []Profile{Balanced, Evacuate, Gentle, Safe} }

// ParseProfile reads a profile's name.
func ParseProfile(s string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if s == string(p) {
			return p, nil
		}
		names = append(names, string(p))
	}
	return "", fmt.Errorf("unknown profile %q: one of %s", s, strings.Join(names, ", "))
}

// out says why f cannot be taken under p; empty where it can. Limits are held against the upper end of the interval:
// a limit that holds only in the median is broken every other time.
func (p Policy) out(f predict.Forecast) string {
	switch {
	case len(p.Among) > 0 && !slices.Contains(p.Among, f.Method):
		return "it is not among the methods to choose from"
	case p.NoPostcopy && f.Method.Postcopies():
		return "post-copy is not allowed"
	case p.Profile == Safe && f.Method.Postcopies():
		return "it cannot be aborted once post-copy has begun"
	case f.TMT.Mid == predict.Never && f.Converges > 0:
		return fmt.Sprintf("it ends with a probability of only %.0f %%", 100*f.Converges)
	case f.TMT.Mid == predict.Never:
		return "it never ends: the VM dirties memory as fast as the link carries it"
	case p.MaxDowntime > 0 && f.DT.Hi > p.MaxDowntime:
		return fmt.Sprintf("its downtime of up to %s is over the limit of %s", short(f.DT.Hi), short(p.MaxDowntime))
	case p.Deadline > 0 && f.TMT.Hi > p.Deadline:
		return fmt.Sprintf("its total time of up to %s is over the deadline of %s", short(f.TMT.Hi), short(p.Deadline))
	case p.MaxSlowdown > 0 && f.Slowdown > p.MaxSlowdown:
		return fmt.Sprintf("it slows the VM by %.0f %%, the limit is %.0f %%", 100*f.Slowdown, 100*p.MaxSlowdown)
	}
	return ""
}

// Check says what is wrong with p, before anything is looked at.
func (p Policy) Check() error {
	switch {
	case p.Weights != nil && p.Weights.check() != nil:
		return p.Weights.check()
	case p.MaxDowntime < 0 || p.Deadline < 0:
		return fmt.Errorf("a limit cannot be negative")
	case !(p.MaxSlowdown >= 0 && p.MaxSlowdown <= 1): // NaN neither
		return fmt.Errorf("the limit on slowdown is a share between 0 and 1, not %g", p.MaxSlowdown)
	case p.MaxDowntime > vm.MaxDowntimeLimit:
		return fmt.Errorf("a downtime of %s is more than QEMU can be told (%s)", p.MaxDowntime, vm.MaxDowntimeLimit)
	case p.Deadline > 0 && p.MaxDowntime > p.Deadline:
		return fmt.Errorf("the downtime limit of %s contradicts the deadline of %s", p.MaxDowntime, p.Deadline)
	case p.Method != "" && len(p.Among) > 0 && !slices.Contains(p.Among, p.Method):
		return fmt.Errorf("method %s is not among those to choose from", p.Method)
	case p.Method.Postcopies() && p.NoPostcopy:
		return fmt.Errorf("method %s contradicts --no-post-copy", p.Method)
	case p.Method.Postcopies() && p.Profile == Safe:
		return fmt.Errorf("method %s contradicts profile safe: it cannot be aborted", p.Method)
	}
	return nil
}
