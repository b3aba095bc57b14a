package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"walm/lab/guest/load"
	"walm/vm"
)

// recipe is how a program is run, and how its progress is known.
type recipe struct {
	user    uint32
	prepare [][]string                   // run first, one after the other
	server  []string                     // kept running
	ready   string                       // address that the server answers on
	check   []string                     // succeeds once the server does more than answer; none: it does so at once
	load    [][]string                   // run once the server answers
	client  []string                     // does the work
	fresh   string                       // a folder that is made empty first
	again   bool                         // the client ends by itself, and is run again
	parse   func(string) (float64, bool) // work in a line of the client's
	poll    func() (float64, error)      // work since the server's start, where there is no client in the guest
}

const second = time.Second

// What redis and memcached have done, in their statistics. The first counts the questions for them, too.
const (
	redisWork     = `total_commands_processed:([0-9]+)`
	memcachedWork = `STAT cmd_(?:get|set) ([0-9]+)`
)

func recipeOf(p load.Part) (recipe, error) {
	threads := strconv.Itoa(max(1, p.Threads))
	inMiB := strconv.FormatInt(int64(max(1, p.Data()/vm.MiB)), 10)
	const pg, data = "/usr/lib/postgresql/15/bin/", "/var/lib/postgresql/data"
	recipes := map[string]recipe{
		"sysbench-cpu": {client: []string{"/usr/bin/sysbench", "cpu", "--time=0", "--threads=" + threads, "--report-interval=1",
			"--cpu-max-prime=2000", "run"}, parse: number(`eps: ([0-9.]+)`)},
		"sysbench-memory": {client: []string{"/usr/bin/sysbench", "memory", "--time=0", "--threads=" + threads,
			"--report-interval=1", "--memory-total-size=1000000G", "--memory-block-size=" + inMiB + "M",
			"--memory-oper=write", "run"},
			parse: number(`([0-9.]+) MiB/sec`)},
		"stress-ng": {client: []string{"/usr/bin/stress-ng", "--quiet", "--vm", threads, "--vm-bytes", inMiB + "M", "--vm-keep",
			"--vm-method", "write64", "--vm-ops", "2000"}, again: true},
		"python":  {client: []string{"/usr/bin/python3", "/usr/share/walm/job.py"}, parse: number(`^([0-9]+)$`)},
		"compile": {client: []string{"/usr/bin/gcc", "-O2", "-c", "/usr/share/walm/unit.c", "-o", "/tmp/unit.o"}, again: true},
		"iperf3": {server: []string{"/usr/bin/iperf3", "-s"}, ready: "127.0.0.1:5201",
			client: []string{"/usr/bin/iperf3", "-c", "127.0.0.1", "-t", "86000", "-i", "0.2", "-f", "m", "--forceflush"},
			parse:  number(`([0-9.]+) Mbits/sec`)},
		"redis": {server: []string{"/usr/bin/redis-server", "--save", "", "--appendonly", "no", "--bind", "0.0.0.0",
			"--protected-mode", "no", "--dir", "/tmp"}, ready: "127.0.0.1:6379",
			poll: ask("127.0.0.1:6379", "INFO stats\r\n", redisWork, 1)},
		"memcached": {server: []string{"/usr/bin/memcached", "-u", "root", "-l", "0.0.0.0", "-m", inMiB, "-t", threads},
			ready: "127.0.0.1:11211", poll: ask("127.0.0.1:11211", "stats\r\n", memcachedWork, 0)},
		"postgres": {user: 100, fresh: data,
			prepare: [][]string{{pg + "initdb", "-D", data, "-A", "trust", "-N", "--no-locale", "-E", "UTF8"}},
			server: []string{pg + "postgres", "-D", data, "-c", "unix_socket_directories=/tmp", "-c", "listen_addresses=127.0.0.1",
				"-c", "shared_buffers=" + inMiB + "MB"}, ready: "127.0.0.1:5432",
			check:  []string{pg + "pg_isready", "-q", "-h", "127.0.0.1"},
			load:   [][]string{{pg + "pgbench", "-h", "127.0.0.1", "-i", "-q", "-s", "1", "postgres"}},
			client: []string{pg + "pgbench", "-h", "127.0.0.1", "-c", threads, "-T", "86000", "-P", "1", "-n", "postgres"},
			parse:  number(`s, ([0-9.]+) tps`)},
	}
	r, ok := recipes[p.Name]
	if !ok {
		return recipe{}, fmt.Errorf("unknown program %q", p.Name)
	}
	return r, nil
}

// number finds the first group of a pattern, a number, in a line.
func number(pattern string) func(string) (float64, bool) {
	re := regexp.MustCompile(pattern)
	return func(line string) (float64, bool) {
		found := re.FindStringSubmatch(line)
		if found == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(found[1], 64)
		return n, err == nil
	}
}

// ask sends a server its question over one connection, and adds up the numbers that a pattern finds in the answer, less
// what the questions themselves have added to them.
func ask(address, question, pattern string, own float64) func() (float64, error) {
	re := regexp.MustCompile(pattern)
	var conn net.Conn
	var asked float64
	return func() (sum float64, err error) {
		if conn == nil {
			if conn, err = net.DialTimeout("tcp", address, second); err != nil {
				conn = nil
				return 0, err
			}
		}
		defer func() {
			if err != nil {
				conn.Close()
				conn = nil
			}
		}()
		if err = conn.SetDeadline(time.Now().Add(second)); err != nil {
			return 0, err
		}
		sum = -own * asked
		asked++
		if _, err = conn.Write([]byte(question)); err != nil {
			return 0, err
		}
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return 0, err
			}
			if found := re.FindStringSubmatch(line); found != nil {
				n, _ := strconv.ParseFloat(found[1], 64)
				sum += n
			}
			// redis ends with the line after the section, memcached with END.
			if strings.HasPrefix(line, "END") || strings.HasPrefix(line, "io_threaded_writes_processed") {
				for in.Buffered() > 0 {
					in.ReadByte()
				}
				return sum, nil
			}
		}
	}
}

// await returns once the server answers, and is ready.
func (r recipe) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", r.ready)
		if err == nil {
			conn.Close()
			if r.check == nil {
				return nil
			}
			if err = inDisk(ctx, r.user, r.check).Run(); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w", r.server[0], r.ready, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
