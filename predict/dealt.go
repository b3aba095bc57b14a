package predict

import (
	"math"
	"math/rand/v2"
)

// unknowns is how many things a draw leaves to chance, but for what happens pass by pass.
const unknowns = 30

// dealt deals every unknown to the draws, as standard normal numbers: each unknown's are spread evenly over its
// distribution, in an order of its own (a Latin hypercube; McKay, Beckman and Conover, 1979). Plain random numbers left the
// median of 101 off by 5 % of a downtime. The first draw has zeros: it is the look as it was.
func dealt() [unknowns][draws]float64 {
	var all [unknowns][draws]float64
	for i := range all {
		order := rand.New(rand.NewPCG(2, uint64(i))).Perm(draws - 1)
		for j, at := range order {
			p := (float64(at) + 0.5) / (draws - 1)
			all[i][j+1] = math.Sqrt2 * math.Erfinv(2*p-1)
		}
	}
	return all
}

// share is the standard normal distribution's at z.
func share(z float64) float64 { return (1 + math.Erf(z/math.Sqrt2)) / 2 }
