//go:build !amd64

package guest

// counterRate is 0 where an emulated guest's counter is not this machine's.
func counterRate() int { return 0 }
