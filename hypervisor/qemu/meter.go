package qemu

import (
	"io"
	"time"

	"walm/vm"
)

// pacer passes at most rate bytes a second.
type pacer struct {
	r    io.Reader
	rate vm.Rate
	due  time.Time
}

// paced is r at no more than rate; 0 is unlimited.
func paced(r io.Reader, rate vm.Rate) io.Reader {
	if rate <= 0 {
		return r
	}
	return &pacer{r: r, rate: rate}
}

func (p *pacer) Read(b []byte) (int, error) {
	now := time.Now()
	if p.due.After(now) {
		time.Sleep(p.due.Sub(now))
	} else {
		p.due = now
	}
	if most := int(p.rate.In(20*time.Millisecond)) + 1; len(b) > most {
		b = b[:most]
	}
	n, err := p.r.Read(b)
	p.due = p.due.Add(vm.Bytes(n).Over(p.rate))
	return n, err
}
