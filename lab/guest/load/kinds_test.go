package load

import (
	"testing"
	"testing/synctest"
	"time"

	"walm/vm"
)

// Every kind of memory work keeps its rate in the bubble's clock, keeps memory that can be checked, and a check that fails.
func TestKindsKeepRateAndMemory(t *testing.T) {
	for workload, want := range map[string]float64{ // operations in 10 s
		"zipf:wset=64KiB,rate=2000":                                20_000,
		"zipf:wset=64KiB,rate=300,skew=1":                          3000,
		"cyclic:wset=64KiB,rate=2000,content=text":                 20_000,
		"cyclic:wset=64KiB,rate=2000,content=zero,fill=4KiB":       20_000,
		"random:wset=64KiB,rate=2000,content=duplicate":            20_000,
		"array:size=64KiB,delay=5ms":                               2000,
		"array:size=64KiB,delay=500ms":                             20,
		"stress:size=64KiB,rate=1000":                              10_000,
		"stress:size=64KiB,rate=1000,content=text":                 10_000,
		"readrandom:wset=64KiB,rate=2000":                          20_000,
		"cyclic:wset=64KiB,bpc=50,period=20ms":                     25_000,
		"cyclic:wset=64KiB,bpc=3,period=1s":                        30,
		"cyclic:wset=64KiB,rate=0":                                 0,
		"random:wset=64KiB,rate=1000,busy=1s,quiet=1s":             5000,
		"cyclic:wset=64KiB,rate=2000+static:wset=128KiB":           20_000,
		"random:wset=64KiB,rate=200+cyclic:wset=128KiB,rate=20000": 2000,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, workload)
			time.Sleep(2 * time.Second)
			at := r.Ops(0)
			time.Sleep(10 * time.Second)
			done := float64(r.Ops(0) - at)
			if w := r.Workload(); w.Asked()*10 != want {
				t.Errorf("%s asks for %g in 10 s, want %g", workload, w.Asked()*10, want)
			}
			if tolerance := max(want/1000, 60); done < want-tolerance || done > want+tolerance {
				t.Errorf("%s: %g in 10 s, want %g", workload, done, want)
			}
			c := r.Verify()
			if !c.OK() || c.Pages != int(r.Workload().Arena()/vm.Page) {
				t.Errorf("%s: check %+v", workload, c)
			}
			r.Corrupt(uint(c.Pages - 1))
			if c := r.Verify(); c.OK() {
				t.Errorf("%s: a corrupt page went unseen: %+v", workload, c)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPhasesRest(t *testing.T) {
	p := phases{busy: 3 * time.Second, quiet: time.Second}
	from := time.Unix(1000, 0)
	for at, want := range map[time.Duration]time.Duration{
		0: 0, 2999 * time.Millisecond: 0, 3 * time.Second: time.Second, 3500 * time.Millisecond: 500 * time.Millisecond,
		4 * time.Second: 0, 7200 * time.Millisecond: 800 * time.Millisecond,
	} {
		p.left(from)
		if got := p.left(from.Add(at)); got != want {
			t.Errorf("after %v it rests for %v, want %v", at, got, want)
		}
	}
}

// The hundred most popular of 10,000 pages take their share of picks, and no page is out of range.
func TestZipfIsSkewed(t *testing.T) {
	const pages, picks = 10_000, 200_000
	for skew, want := range map[float64]float64{0.5: 0.1, 0.99: 0.50, 1: 0.50, 1.5: 0.91} {
		z := newZipf(pages, skew)
		hits := map[int]int{}
		x := uint64(weyl)
		for range picks {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			p := z.page(x * renewal)
			if p < 0 || p >= pages {
				t.Fatalf("skew %g picks page %d of %d", skew, p, pages)
			}
			hits[p]++
		}
		top := 0
		for rank := range 100 {
			top += hits[int(uint64(rank)*scatter%pages)]
		}
		if got := float64(top) / picks; got < want-0.02 || got > want+0.02 {
			t.Errorf("skew %g: the 100 most popular pages take %.3f of the picks, want %.2f", skew, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	for in, want := range map[string]string{
		"idle":                                        "idle",
		"cyclic:wset=1GiB,rate=20000,fill=64B":        "cyclic:wset=128MiB,rate=2500,fill=64B",
		"cyclic:wset=1GiB,bpc=400,period=20ms":        "cyclic:wset=128MiB,bpc=50,period=20ms,fill=64B",
		"random:wset=4KiB,rate=1":                     "random:wset=4KiB,rate=1,fill=64B",
		"random:wset=0B,rate=max":                     "random:wset=0B,rate=max,fill=64B",
		"stress:size=8GiB+cpu:load=50":                "stress:size=1GiB,rate=max+cpu:load=50",
		"array:size=80MiB,delay=10ms":                 "array:size=10MiB,delay=80ms,fill=64B",
		"net-out:rate=80MiB/s":                        "net-out:rate=10MiB/s",
		"program:name=redis,rate=500+disk:rate=50":    "program:name=redis,rate=500+disk:rate=50",
		"zipf:wset=80MiB,rate=8,busy=5s,quiet=3s":     "zipf:wset=10MiB,rate=1,skew=0.99,fill=64B,busy=5s,quiet=3s",
		"read:wset=1GiB,rate=max+static:wset=2000MiB": "read:wset=128MiB,rate=max+static:wset=250MiB",
	} {
		w, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Scale(8).String(); got != want {
			t.Errorf("%s by 8 is %s, want %s", in, got, want)
		}
	}
}
