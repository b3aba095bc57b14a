// Package hosts runs a lab's commands on real hosts, through the system's ssh and with the user's own settings of it:
// nothing needs to be installed there but what the lab itself uses.
package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Host is a machine that ssh reaches.
type Host struct {
	Target  string // as ssh takes it: root@alpha, or a name of the user's configuration
	Control string // socket of a connection that commands share; empty: each makes its own
}

// answer is how long a host may take to accept a connection.
const answer = 10 * time.Second

// command is ssh with options, to run nothing unasked: neither a password's prompt nor the configuration's own command.
func (h Host) command(ctx context.Context, args ...string) *exec.Cmd {
	all := []string{"-o", "BatchMode=yes", "-o", fmt.Sprintf("ConnectTimeout=%d", int(answer.Seconds())),
		"-o", "RequestTTY=no", "-o", "RemoteCommand=none"}
	if h.Control != "" {
		all = append(all, "-S", h.Control)
	}
	cmd := exec.CommandContext(ctx, "ssh", append(all, args...)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// Master is the command that keeps the shared connection, for as long as it runs.
func (h Host) Master() *exec.Cmd {
	return h.command(context.Background(), "-M", "-N", "-n", "-o", "ControlPersist=no", "-o", "ServerAliveInterval=5", h.Target)
}

// Await returns once the shared connection is there.
func (h Host) Await(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 6*answer) // keys are agreed on as well, on a host that may be slow
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(h.Control); err == nil && h.command(ctx, "-O", "check", h.Target).Run() == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ended:
			return errors.New("ssh ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run runs a script of sh's on the host and returns what it printed.
func (h Host) Run(ctx context.Context, script string, stdin io.Reader) (string, error) {
	cmd := h.command(ctx, h.Target, "exec sh -c "+Quote(script))
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &said
	if err := cmd.Run(); err != nil {
		var status *exec.ExitError
		if errors.As(err, &status) && status.ExitCode() == unreachable {
			return "", fmt.Errorf("reach %s: %s; try: ssh -o BatchMode=yes %s true", h.Target, line(said), h.Target)
		}
		return "", fmt.Errorf("on %s: %w: %s", h.Target, err, line(said))
	}
	return out.String(), nil
}

// unreachable is ssh's own exit status.
const unreachable = 255

func line(said bytes.Buffer) string { return strings.Join(strings.Fields(said.String()), " ") }

// Put writes a file of the host's.
func (h Host) Put(ctx context.Context, path string, content io.Reader) error {
	_, err := h.Run(ctx, "cat >"+Quote(path), content)
	return err
}

// Stream runs a script and hands over what it prints, until ctx ends.
func (h Host) Stream(ctx context.Context, script string, read func(io.Reader)) error {
	cmd := h.command(ctx, "-n", h.Target, "exec sh -c "+Quote(script))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	read(out)
	return cmd.Wait()
}

// Forward makes a socket here that leads to one on the host, through the shared connection.
func (h Host) Forward(ctx context.Context, here, there string) error {
	return h.forwarding(ctx, "forward", here, there)
}

// Cancel takes a forwarded socket away.
func (h Host) Cancel(ctx context.Context, here, there string) error {
	return errors.Join(h.forwarding(ctx, "cancel", here, there), os.RemoveAll(here))
}

func (h Host) forwarding(ctx context.Context, what, here, there string) error {
	if out, err := h.command(ctx, "-O", what, "-L", here+":"+there, h.Target).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s on %s: %w: %s", what, there, h.Target, err, bytes.TrimSpace(out))
	}
	return nil
}

// Quote makes one word of a shell's out of s.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Words quotes each of a command's words.
func Words(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}
