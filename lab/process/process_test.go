package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

func TestProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := Identify(cmd.Process.Pid)
	if !p.Alive() || !Identify(os.Getpid()).Alive() {
		t.Error("what runs is not alive")
	}
	other := p
	other.Start++ // the same number, given out again
	if other.Alive() || (Process{}).Alive() || Identify(1<<30) != (Process{}) {
		t.Error("another is taken for it")
	}
	text, err := json.Marshal(p)
	var again Process
	if err != nil || json.Unmarshal(text, &again) != nil || again != p {
		t.Errorf("%s, %v", text, err)
	}
	if err := other.End(); err != nil || !p.Alive() {
		t.Errorf("the other's end: %v, and this one is alive: %v", err, p.Alive())
	}
	if err := p.End(); err != nil || p.Alive() { // not waited for yet
		t.Error(err)
	}
	_ = cmd.Wait()
}
