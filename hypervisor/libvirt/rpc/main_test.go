package rpc_test

import (
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also lets this program be netcat: nc -U SOCKET.
func TestMain(m *testing.M) {
	if os.Getenv("WALM_TEST_NETCAT") != "" && len(os.Args) > 1 && (os.Args[1] == "-U" || os.Args[1] == "-h") {
		os.Exit(netcat(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

func netcat(args []string) int {
	if len(args) != 2 || args[0] != "-U" {
		return 1
	}
	conn, err := net.Dial("unix", args[1])
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		conn.Close()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}
