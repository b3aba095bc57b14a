package observe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"walm/vm"
)

// fakeLogger is a VM that writes so much of its memory per second, each page once.
type fakeLogger struct {
	ram   vm.Bytes
	rate  vm.Rate
	least time.Duration // shorter windows are not supported
	err   error
	asked []string
}

func (f *fakeLogger) MemorySize(context.Context) (vm.Bytes, error) { return f.ram, nil }

func (f *fakeLogger) LogDirtyRate(_ context.Context, window time.Duration, log string) (vm.Rate, error) {
	f.asked = append(f.asked, log+" "+window.String())
	if window < f.least {
		return 0, errors.ErrUnsupported
	}
	return f.rate, f.err
}

func TestLogging(t *testing.T) {
	broken := errors.New("dirty ring disabled, use sample-pages method or remeasure later")
	for _, tt := range []struct {
		name    string
		logger  fakeLogger
		log     string
		windows []time.Duration
		points  int
		err     error
	}{
		{"new QEMU", fakeLogger{ram: vm.GiB, rate: 40e6}, DirtyBitmap, nil, 5, nil},
		{"old QEMU", fakeLogger{ram: vm.GiB, rate: 40e6, least: time.Second}, DirtyBitmap, nil, 1, nil},
		{"a bitmap goes on", fakeLogger{ram: vm.GiB}, DirtyBitmap, []time.Duration{time.Second, 4 * time.Second}, 2, nil},
		{"a ring counts twice", fakeLogger{ram: vm.GiB}, DirtyRing, []time.Duration{time.Second, 4 * time.Second}, 1, nil},
		{"the other log", fakeLogger{ram: vm.GiB, err: broken}, DirtyRing, nil, 0, broken},
		{"no log at all", fakeLogger{ram: vm.GiB, err: errors.ErrUnsupported}, DirtyBitmap, []time.Duration{time.Second}, 0, errors.ErrUnsupported},
		{"no window", fakeLogger{ram: vm.GiB, least: time.Hour}, DirtyBitmap, Windows(400 * time.Millisecond), 0, errors.ErrUnsupported},
		{"more than there is", fakeLogger{ram: vm.MiB, rate: 1e9}, DirtyBitmap, nil, 5, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trace, err := (&Logging{Logger: &tt.logger, Log: tt.log, Windows: tt.windows}).Look(t.Context())
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v; want %v", err, tt.err)
			}
			if len(trace.Curve) != tt.points || tt.err == nil && trace.Source != tt.log {
				t.Fatalf("%d points by %q, want %d; asked %q", len(trace.Curve), trace.Source, tt.points, tt.logger.asked)
			}
			for _, p := range trace.Curve {
				if want := min(tt.logger.rate.In(p.Window), tt.logger.ram); p.Dirty != want || p.Err <= 0 {
					t.Errorf("over %v: %v ± %v, want %v", p.Window, p.Dirty, p.Err, want)
				}
			}
		})
	}
	f := &fakeLogger{}
	if _, err := (&Logging{Logger: f, Log: DirtyBitmap}).Look(t.Context()); err == nil || !strings.Contains(err.Error(), "size of memory") {
		t.Errorf("a VM without memory: %v", err)
	}
}
