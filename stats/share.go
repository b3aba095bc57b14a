package stats

import "math"

// Wilson is the interval that holds the true share with 95 % confidence, of held among n (Wilson 1927). Of none it is empty.
func Wilson(held, n int) (lo, hi float64) {
	if n == 0 {
		return 0, 0
	}
	const z = 1.96
	p, m := float64(held)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return math.Max(0, middle-half), math.Min(1, middle+half)
}
