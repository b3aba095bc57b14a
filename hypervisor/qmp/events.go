package qmp

import (
	"encoding/json"
	"time"
)

// Event is something that QEMU reports unasked.
type Event struct {
	Name     string
	Data     json.RawMessage // nil if the event carries none
	At       time.Time       // QEMU's stamp, of its host's wall clock to the microsecond; zero if it gave none
	Received time.Time       // when its last byte arrived here, with a monotonic reading
}
