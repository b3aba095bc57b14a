package faults

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestClockReader is the program whose clock jumps, for the test of that.
func TestClockReader(t *testing.T) {
	if os.Getenv("WALM_TEST_READS_CLOCK") == "" {
		t.Skip("it is run by another test")
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		now := time.Now()
		wall, passed := now.Round(0).Sub(began.Round(0)), now.Sub(began) // the former without the monotonic reading
		if jump := (wall - passed).Round(time.Minute); jump != 0 {
			fmt.Println("jumped", jump)
			if passed < time.Minute {
				fmt.Println("slept right")
			}
			return
		}
		if passed > time.Minute {
			t.Fatal("the clock did not jump")
		}
	}
}
