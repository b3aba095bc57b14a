package peer

import (
	"fmt"
	"math"
	"time"

	"walm/decide"
	"walm/vm"
)

// KubeVirt's constants (pkg/virt-launcher/virtwrap/live-migration-source.go, pkg/virt-config/virt-config.go).
const (
	kubevirtPoll     = 400 * time.Millisecond
	kubevirtBudget   = 150 * time.Second // completionTimeoutPerGiB
	kubevirtProgress = 150 * time.Second // progressTimeout
	openshiftBudget  = 20 * time.Second  // hyperconverged-cluster-operator since July 2026 (#4426)
)

// kubevirt are its migrations without the stall detector: a budget of time, and what comes when it has gone.
func kubevirt() []Peer {
	const source = "KubeVirt 1.9-dev, pkg/virt-launcher/virtwrap/live-migration-source.go"
	budget := func(name, source, does string, perGiB time.Duration, end decide.Move) Peer {
		return Peer{
			Name: name, Source: source, Does: does, poll: kubevirtPoll,
			begin: func(Site) (vm.Method, vm.Params, string) {
				return vm.PreCopy, live(vm.PreCopy, vm.DefaultDowntimeLimit, end == decide.SwitchNow),
					fmt.Sprintf("pre-copy, with a budget of %v per GB", perGiB)
			},
			steer: func(s Site) steer {
				k := kubevirtMonitor{budget: s.kubevirtBudget(perGiB), progress: s.wait(kubevirtProgress), end: end}
				return k.next
			},
		}
	}
	return []Peer{
		budget("kubevirt-budget", source, "pre-copy; aborted after 150 s × GB", kubevirtBudget, decide.GiveUp),
		budget("kubevirt-budget-postcopy", source, "pre-copy; post-copy after 150 s × GB (allowPostCopy)", kubevirtBudget,
			decide.SwitchNow),
		budget("openshift-budget", "hyperconverged-cluster-operator #4426 on "+source,
			"pre-copy; aborted after 20 s × GB", openshiftBudget, decide.GiveUp),
	}
}

// kubevirtBudget is the budget as KubeVirt reckons it: what it calls GiB are 10⁹ bytes, and a part of one counts as one.
func (s Site) kubevirtBudget(perGB time.Duration) time.Duration {
	return s.wait(time.Duration(math.Ceil(float64(s.ram())/1e9)) * perGB)
}

type kubevirtMonitor struct {
	budget, progress time.Duration
	end              decide.Move
	left             vm.Bytes  // at the last poll
	fell             time.Time // when a poll last found less than the one before it
}

func (k *kubevirtMonitor) next(now time.Time, h decide.History) decide.Adjustment {
	if left := h.Now.Remaining; k.left == 0 || left < k.left {
		k.fell = now
	}
	k.left = h.Now.Remaining
	switch gone := now.Sub(h.Started); {
	case k.end == decide.SwitchNow && gone > k.budget:
		return decide.Adjustment{Move: decide.SwitchNow, Reason: fmt.Sprintf("the budget of %v has gone", k.budget)}
	case now.Sub(k.fell) > k.progress:
		return decide.Adjustment{Move: decide.GiveUp, Reason: fmt.Sprintf("stuck for %v", now.Sub(k.fell).Round(time.Second))}
	case gone > k.budget:
		return decide.Adjustment{Move: k.end, Reason: fmt.Sprintf("the budget of %v has gone", k.budget)}
	}
	return goOn("there is time")
}
