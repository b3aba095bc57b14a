package decide

import (
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// sending is a history in which pass n+1 begins with so many bytes left and so many sent since the start, of a VM with
// 1000 MB of RAM.
func sending(n int, left, sent vm.Bytes) History {
	h := History{Started: began, Link: link, RAM: 1000 * mb}
	for i := range n {
		h.Passes = append(h.Passes, Pass{N: i + 1, Began: began, Remaining: 500 * mb, Sent: vm.Bytes(i) * mb, Rate: link})
	}
	h.Passes = append(h.Passes, Pass{N: n + 1, Began: began, Remaining: left, Sent: sent, Rate: link})
	return h
}

func TestStopRule(t *testing.T) {
	unknown := sending(2, 100*mb, 5000*mb)
	unknown.RAM = 0
	still := sending(2, 100*mb, 5000*mb)
	still.Link, still.Passes[2].Rate = 0, 0
	for _, tt := range []struct {
		name   string
		rule   *StopRule
		policy Policy
		h      History
		want   Move
		words  string
	}{
		{"none", nil, Policy{}, sending(40, 1, 9000*mb), GoOn, ""},
		{"nothing of it holds", XenRule(), Policy{}, sending(28, 50*vm.Page, 3000*mb), GoOn, ""},
		{"fewer than 50 pages", XenRule(), Policy{}, sending(2, 50*vm.Page-1, 1100*mb), StopAndFinish, "200 KiB"},
		{"the 29th pass is done", XenRule(), Policy{}, sending(29, 100*mb, 1100*mb), StopAndFinish, "29 passes"},
		{"more than three times the memory", XenRule(), Policy{}, sending(3, 100*mb, 3000*mb+1), StopAndFinish, "3 ×"},
		{"the first pass sends what it must", XenRule(), Policy{}, sending(0, 10, 0), GoOn, "first pass"},
		{"a part that is zero is none", &StopRule{Passes: 3}, Policy{}, sending(2, 1, 9000*mb), GoOn, ""},
		{"RAM is not known", XenRule(), Policy{}, unknown, GoOn, ""},
		{"nothing moves: a stop would not end", XenRule(), Policy{}, still, GoOn, ""},
		{"a hard limit is stronger", XenRule(), Policy{MaxDowntime: 500 * time.Millisecond}, sending(29, 100*mb, 0), GoOn, ""},
		{"within a hard limit", XenRule(), Policy{MaxDowntime: 2 * time.Second}, sending(29, 100*mb, 0), StopAndFinish, "29"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.policy.Stop = tt.rule
			// Forced, so that nothing but the rule could end it.
			p := Plan{Method: vm.PreCopy, Params: vm.DefaultParams(vm.PreCopy), Forced: true}
			got := Adjust(p, tt.policy, began, tt.h)
			if got.Move != tt.want || !strings.Contains(got.Reason, tt.words) {
				t.Errorf("%+v; want %s, words %q", got, tt.want, tt.words)
			}
		})
	}
}

// TestAmong: what is not among the methods to choose from is out, however cheap, and cannot be asked for either.
func TestAmong(t *testing.T) {
	p := Policy{Profile: Balanced, Among: []vm.Method{vm.PreCopy, vm.Hybrid}}
	if why := p.out(forecast(vm.PostCopy, 1000, 10, 10, 0)); !strings.Contains(why, "not among") {
		t.Errorf("post-copy is out because %q", why)
	}
	if why := p.out(forecast(vm.Hybrid, 1000, 10, 10, 0)); why != "" {
		t.Errorf("hybrid is out: %s", why)
	}
	p.Method = vm.PostCopy
	if p.Check() == nil {
		t.Error("a method was taken that is not among those to choose from")
	}
}
