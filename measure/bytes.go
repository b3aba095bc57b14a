package measure

import "walm/vm"

// traffic is what the migration put on the link: the counter's reading after the end less that before the start, less
// what flowed there anyway, at the rate of before the start. Whole readings are taken and none is split between two
// times, because the migration begins and ends abruptly.
func traffic(e Evidence, t timing, claimed vm.Bytes, n *notes) vm.Bytes {
	if len(e.Counts) < 2 {
		if claimed > 0 {
			n.warn("the link was not counted: bytes are the hypervisor's own number")
		}
		return claimed
	}
	first, from, to := e.Counts[0], e.Counts[0], e.Counts[len(e.Counts)-1]
	for i, c := range e.Counts {
		if i > 0 && c.Bytes < e.Counts[i-1].Bytes {
			n.warn("the link's counter went backwards: bytes are the hypervisor's own number")
			return claimed
		}
		if !c.At.After(e.Started) {
			from = c
		}
	}
	for _, c := range e.Counts {
		if !c.At.Before(t.over) {
			to = c
			break
		}
	}
	if from.At.After(e.Started) {
		n.warn("the link was counted only from %v after the start on", round(from.At.Sub(e.Started)))
	}
	if to.At.Before(t.over) {
		n.warn("the link was counted only until %v before the end", round(t.over.Sub(to.At)))
	}
	background := (from.Bytes - first.Bytes).Per(from.At.Sub(first.At))
	return max(0, to.Bytes-from.Bytes-background.In(max(0, to.At.Sub(from.At))))
}
