package migrate

// State is where a move stands.
type State string

// The states; see the package comment for how they follow each other.
const (
	Preparing    State = "preparing"    // the VM runs at the source; the migration has not begun to send
	Copying      State = "copying"      // the VM runs at the source, its memory is being sent
	Saving       State = "saving"       // offline: the VM is stopped at the source, its state goes into a file
	Transferring State = "transferring" // offline: the file goes to the destination's host
	Restoring    State = "restoring"    // offline: the destination reads the file; the VM is still stopped there
	Switching    State = "switching"    // the source has stopped; that the destination runs is not confirmed yet
	Postcopying  State = "postcopying"  // the VM runs at the destination; some of its memory is still at the source
	Returning    State = "returning"    // given up; the VM is being made to run at the source, or found to
	Completed    State = "completed"    // the VM is at the destination, whole
	Failed       State = "failed"       // the VM is at the source
	Cancelled    State = "cancelled"    // the VM is at the source, because someone wanted it
	Recovering   State = "recovering"   // post-copy was interrupted, and is being taken up again
	Paused       State = "paused"       // post-copy was interrupted: both ends hold a part and must both be kept
	Lost         State = "lost"         // no end has the whole VM any more
	Unknown      State = "unknown"      // an end does not say where the VM is
)

// undoable says whether the VM can be kept at the source for the asking. ActPostcopy takes that away, see Machine.
func (s State) undoable() bool {
	switch s {
	case Preparing, Copying, Saving, Transferring, Restoring:
		return true
	}
	return false
}
