package lab

import (
	"context"
	"net"
	"strconv"
	"time"

	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/service"
	"walm/lab/traffic"
	"walm/measure"
)

// outside is the client's end of a workload: of its traffic, and of its first program that serves.
type outside struct {
	traffic *traffic.Client // nil where there is none
	service *service.Client // likewise
	program string
}

// meet starts what must be there before the workload is.
func (l *Lab) meet(w guest.Workload) (err error) {
	if err := l.client.close(); err != nil {
		return err
	}
	l.client = outside{}
	if w.Network() {
		l.client.traffic, err = traffic.Start(l.net.Client().Namespace, netlab.Guest, w)
	}
	return err
}

// use starts what needs the workload to be there.
func (l *Lab) use(ctx context.Context, w guest.Workload) (err error) {
	for _, p := range w {
		if service.Serves(p) && l.client.service == nil {
			l.client.program = p.Name
			l.client.service, err = service.Start(ctx, l.dial, p)
		}
	}
	return err
}

// dial connects the client to a port of the guest's.
func (l *Lab) dial(ctx context.Context, port int) (conn net.Conn, err error) {
	var d net.Dialer
	doing := l.site.client(func() error {
		conn, err = d.DialContext(ctx, "tcp4", net.JoinHostPort(l.site.guest(), strconv.Itoa(port)))
		return nil
	})
	if doing != nil {
		return nil, doing
	}
	return conn, err
}

// Requests are those of the client to the workload's program from a time on, and the program's name; empty where there
// is none.
func (l *Lab) Requests(from time.Time) (program string, samples []measure.Sample) {
	if l.client.service == nil {
		return "", nil
	}
	return l.client.program, l.client.service.Samples(from)
}

func (o outside) close() error {
	if o.service != nil {
		o.service.Stop()
	}
	return o.traffic.Close()
}
