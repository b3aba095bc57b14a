// Package qmp speaks the QEMU Machine Protocol, the JSON dialogue by which a QEMU process is controlled.
//
// A [Conn] carries any number of commands at once, matched to their replies by id, and delivers events in the order in
// which QEMU sent them, none lost, however slowly they are read. Commands end in one of four ways, and for a migration
// the difference between the last two matters:
//
//   - nil: QEMU carried the command out;
//   - [*Error]: QEMU refused it;
//   - an error that wraps [ErrUnanswered]: it was sent and its end is unknown, so ask QEMU for its state;
//   - any other error: it was not sent.
package qmp
