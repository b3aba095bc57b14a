package qmp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

func Example() {
	// In place of a QEMU and qmp.Dial(ctx, "/run/vm.sock").
	ours, theirs := net.Pipe()
	go fakeQEMU(qmptest.NewPeer(theirs))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := qmp.New(ctx, ours)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println("QEMU", c.Version())

	if err := c.Do(ctx, "stop", nil, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("event", (<-c.Events()).Name)

	var status struct{ Status string }
	if err := c.Do(ctx, "query-status", nil, &status); err != nil {
		log.Fatal(err)
	}
	fmt.Println("status", status.Status)

	err = c.Do(ctx, "calc-dirty-rate", map[string]any{"calc-time": 1}, nil)
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("no dirty rate from this QEMU")
	}
	// Output:
	// QEMU 5.1.0
	// event STOP
	// status paused
	// no dirty rate from this QEMU
}

func fakeQEMU(p *qmptest.Peer) {
	if !p.Greet("5.1.0") {
		return
	}
	p.Answer(qmptest.Answers{
		"stop": func(json.RawMessage) (any, error) {
			p.Event(qmp.Event{Name: "STOP", At: time.Now()})
			return struct{}{}, nil
		},
		"query-status": func(json.RawMessage) (any, error) {
			return map[string]any{"running": false, "status": "paused"}, nil
		},
	})
}
