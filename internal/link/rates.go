package link

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"walm/vm"
)

var errStarved = errors.New("too little of the time carried data")

// sliceRates reads until the deadline of r and gives the rate of each slice after the first stretch.
func sliceRates(r io.Reader, began time.Time) ([]float64, error) {
	buf := make([]byte, 256<<10)
	var rates []float64
	var got int
	from := began.Add(meterSkip)
	for {
		n, err := r.Read(buf)
		now := time.Now()
		got += n
		if now.Before(from) {
			got = 0
		} else if d := now.Sub(from); d >= meterSlice {
			rates = append(rates, float64(got)/d.Seconds())
			from, got = now, 0
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if len(rates) < 3 {
				return nil, fmt.Errorf("%w: only %d slices of %s did", errStarved, len(rates), meterSlice)
			}
			return rates, nil
		case err != nil:
			return nil, err
		}
	}
}

// middle is the median of rates with its standard error, not below 2 %: what one short burst says of a whole migration, as the
// total times of 51 forecast moves told (half were off by more than 1.6 %).
// A busy host makes single slices slow, and the mean with them.
func middle(rates []float64) (vm.Rate, vm.Rate) {
	slices.Sort(rates)
	n := len(rates)
	m := (rates[(n-1)/2] + rates[n/2]) / 2
	spread := (rates[3*(n-1)/4] - rates[(n-1)/4]) / 1.35 // of a normal distribution
	return vm.Rate(m), vm.Rate(math.Max(1.25*spread/math.Sqrt(float64(n)), m/50))
}
