package stats

import (
	"cmp"
	"math"
	"slices"
)

// exactUpTo is the largest number of differences for which SignedRank takes the exact distribution.
const exactUpTo = 25

// SignedRank is the two-sided p of Wilcoxon's signed-rank test on differences. Zeros are dropped, as Wilcoxon did, and
// ties get their mean rank. Up to 25 differences the p is exact, given the ties; beyond, it is the normal approximation
// with corrections for ties and continuity. It is 1 when nothing differs and NaN when a difference is NaN.
func SignedRank(differences Sample) float64 {
	var d Sample
	for _, x := range differences {
		switch {
		case math.IsNaN(x):
			return math.NaN()
		case x != 0:
			d = append(d, x)
		}
	}
	if len(d) == 0 {
		return 1
	}
	ranks, ties := doubledRanks(d)
	w := 0
	for i, x := range d {
		if x > 0 {
			w += ranks[i]
		}
	}
	if len(d) <= exactUpTo {
		return exactP(ranks, w)
	}
	return normalP(len(d), ties, float64(w)/2)
}

// doubledRanks are twice the ranks of |d|, so that the mean rank of a tie is whole; ties is Σ t³ − t over them.
func doubledRanks(d Sample) (ranks []int, ties float64) {
	order := make([]int, len(d))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(math.Abs(d[i]), math.Abs(d[j])) })
	ranks = make([]int, len(d))
	for from := 0; from < len(d); {
		to := from + 1
		for to < len(d) && math.Abs(d[order[to]]) == math.Abs(d[order[from]]) {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + 1 + to // (first + last rank) / 2, doubled
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// exactP finds the probability of a rank sum as far out as w, when each sign is a fair coin.
func exactP(ranks []int, w int) float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([]float64, total+1) // of 2ⁿ signs, exact in a float64
	ways[0] = 1
	reached := 0
	for _, r := range ranks {
		reached += r
		for sum := reached; sum >= r; sum-- {
			ways[sum] += ways[sum-r]
		}
	}
	var tail float64
	for _, n := range ways[:min(w, total-w)+1] { // the distribution is symmetric
		tail += n
	}
	return min(1, 2*tail/math.Exp2(float64(len(ranks))))
}

func normalP(n int, ties, w float64) float64 {
	N := float64(n)
	mean := N * (N + 1) / 4
	variance := N*(N+1)*(2*N+1)/24 - ties/48
	z := max(0, math.Abs(w-mean)-0.5) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}
