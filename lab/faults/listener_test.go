package faults

import (
	"bufio"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"walm/lab/guest"
	"walm/lab/guest/wire"
)

// A guest that refuses to end itself makes no fault; one that says nothing more has done it.
func TestOrder(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "control")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			text, _ := bufio.NewReader(conn).ReadBytes('\n')
			var c wire.Command
			if wire.Parse(text[:max(0, len(text)-1)], &c) && refuses {
				line, _ := wire.Line(wire.Message{Kind: wire.Error, ID: c.ID, Error: "unknown command"})
				_, _ = conn.Write(line)
			}
			_, _ = conn.Read(make([]byte, 1))
		}()
		port, err := guest.Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		guest := listen(port)
		err = guest.order(t.Context(), wire.PowerOff)
		guest.close()
		if refused := err != nil && strings.Contains(err.Error(), "unknown command"); refused != refuses {
			t.Errorf("refused: %t, and said: %v", refuses, err)
		}
	}
}
