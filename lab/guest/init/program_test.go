package main

import (
	"context"
	"net"
	"testing"
	"time"

	"walm/lab/guest/load"
)

// TestRecipes looks whether every program that can be asked for can be run, and whether its own words are understood.
func TestRecipes(t *testing.T) {
	says := map[string]string{ // as the programs of Debian 12 print it
		"sysbench-cpu":    "[ 1s ] thds: 1 eps: 649.16 lat (ms,95%): 1.79",
		"sysbench-memory": "[ 1s ] 1151.25 MiB/sec",
		"postgres":        "progress: 1.0 s, 41.0 tps, lat 24.2 ms stddev 3.1, 0 failed",
		"python":          "1",
		"iperf3":          "[  5]   0.00-0.20   sec  35.1 MBytes  1472 Mbits/sec    0    639 KBytes",
	}
	means := map[string]float64{"sysbench-cpu": 649.16, "sysbench-memory": 1151.25, "postgres": 41, "python": 1,
		"iperf3": 1472}
	for _, name := range load.Programs() {
		w, err := load.Parse("program:name=" + name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := recipeOf(w[0])
		if err != nil {
			t.Error(err)
			continue
		}
		if (r.poll == nil) == (r.client == nil) {
			t.Errorf("%s: work is to be known from a client or from asking the server, one of them", name)
		}
		if r.parse == nil {
			continue
		}
		if n, ok := r.parse(says[name]); !ok || n != means[name] {
			t.Errorf("%s: %q is %g, %v", name, says[name], n, ok)
		}
		if n, ok := r.parse("Threads started!"); ok {
			t.Errorf("%s: chatter is %g", name, n)
		}
	}
	if _, err := recipeOf(load.Part{Kind: load.Program, Name: "emacs"}); err == nil {
		t.Error("emacs is accepted")
	}
}

func TestGauge(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	g := gauge{at: at(0)}
	if n := g.read(at(0)); n != 0 {
		t.Errorf("%d before any report", n)
	}
	g.add(at(1000), 600)
	if n := g.read(at(1100)); n != 60 {
		t.Errorf("%d a tenth of a second after the first report, want 60", n)
	}
	g.add(at(2000), 600)
	for ms, want := range map[int]uint64{2000: 600, 2250: 750, 2500: 900} {
		fresh := gauge{total: g.total, last: g.last, at: g.at, took: g.took}
		if n := fresh.read(at(ms)); n != want {
			t.Errorf("%d at %d ms, want %d", n, ms, want)
		}
	}
	if n := g.read(at(9000)); n != 1200 {
		t.Errorf("%d when nothing is reported any more, want all and no more: 1200", n)
	}
	g.add(at(9001), 1) // a report that took long to come is shown slowly, and nothing is taken back
	if n := g.read(at(9002)); n != 1200 {
		t.Errorf("%d, want 1200", n)
	}
}

// TestAsk asks servers that answer as redis and memcached do.
func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   float64
		own    float64 // that a question adds
	}{
		"redis": {"$70\r\n# Stats\r\ntotal_connections_received:1\r\ntotal_commands_processed:42\r\n" +
			"io_threaded_writes_processed:0\r\n\r\n", 42, 1},
		"memcached": {"STAT pid 1\r\nSTAT cmd_get 40\r\nSTAT cmd_set 3\r\nSTAT cmd_flush 7\r\nEND\r\n", 43, 0},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 100)
				for {
					if _, err := conn.Read(buf); err != nil {
						break
					}
					conn.Write([]byte(c.answer))
				}
			}
		}()
		pattern := map[string]string{"redis": redisWork, "memcached": memcachedWork}[name]
		poll := ask(l.Addr().String(), "stats\r\n", pattern, c.own)
		for i := range 3 {
			if n, err := poll(); err != nil || n != c.want-float64(i)*c.own {
				t.Errorf("%s, question %d: %g, %v, want %g", name, i, n, err, c.want)
			}
		}
	}
}

// TestAwait gives up with its context.
func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := recipe{ready: "127.0.0.1:1", server: []string{"nobody"}}
	if err := r.await(ctx); err == nil {
		t.Error("a server that is not there answers")
	}
}
