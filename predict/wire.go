package predict

import (
	"time"

	"walm/vm"
)

// What a page costs on the wire (migration/ram.c: an 8-byte header, and one byte for a page of zeros). Checked on
// QEMU 7.2: 628,639 × 4104 B + 107,182 × 9 B is within 1.4 kB of what it reported.
const (
	pageOnWire = 4104
	zeroOnWire = 9
)

// burst is how long QEMU sends before it looks whether a pass is at its end (MAX_WAIT in migration/ram.c). A pass
// therefore overshoots the threshold by up to burst × bandwidth, and a VM that dirties just below the bandwidth
// converges after all, in many tiny passes.
const burst = 50 * time.Millisecond

// settle is the first window over which QEMU measures bandwidth (BUFFER_DELAY): until then its threshold is zero.
const settle = 100 * time.Millisecond

// stopped is when QEMU stops a VM whose downtime limit everything fits into: at the end of the burst in which it has its
// first reading of the bandwidth. Measured: 123 to 139 ms after the command, at 0.5 and 1 Gbit/s.
const stopped = 120 * time.Millisecond

// stoppedOver is the same with several channels: total time less downtime was 125 to 218 ms of 39 such moves, in the median 178, and 141 over
// one stream.
const stoppedOver = 160 * time.Millisecond

// What QEMU's own reading of the bandwidth is of the link's: it counts the pauses at bitmap syncs as time. Read off
// 33 migrations with a limit of 300 ms: at 119 MB/s up to 35.4 MB fitted, at 60 MB/s up to 17.6.
const measured = 0.985

// inFlight is how much a TCP stream that is never short of data holds between the sender and the link: the most that
// Linux gives a send buffer by itself (net.ipv4.tcp_wmem, 4 MiB), less the third that has to be free before a sender is
// woken. QEMU counts it as sent; the link has yet to carry it. So a stopped VM waits for it too, and a faulted page behind
// it, while total time, a matter of the link alone, hides it. Measured: 33 downtimes less what was sent in them were 25 ms at
// 119 MB/s and 47 at 60 MB/s, give or take 3, which is this and Host.Switchover.
const inFlight = 2.7e6

// woken is how much a sender writes each time that a full send buffer lets it go on: Linux wakes it once a third of the
// buffer is free (sk_stream_is_writeable). So bursts come in these. Measured: of 7.2 MB at 119 MB/s and of 4.3 MB at
// 60 MB/s, which is 60 and 72 ms; what a bitmap sync takes is not seen beside it, because the buffer goes on emptying.
const woken = 1.44e6

// scan is how fast pages of zeros are found to be that, bytes per second: a median.
const scan = 4e9

// most is after how many passes a replay that has not ended is called endless: passes at the throttle's last step, where
// there is one, which takes 20 s to reach and so 400 of the shortest passes. The most that a migration was seen to need is
// 40. (A limit in time was rejected: the first pass of an idle VM of 1 TiB takes hours, and the second ends it.)
const most = 150

// wire is how many bytes the given memory costs when sent.
func wire(content, zero vm.Bytes) float64 {
	return float64(content)/float64(vm.Page)*pageOnWire + float64(zero)/float64(vm.Page)*zeroOnWire
}

func seconds(s float64) time.Duration {
	if !(s < Never.Seconds()) { // NaN neither
		return Never
	}
	return time.Duration(s * float64(time.Second))
}
