package preflight

// The ports that libvirt has QEMU listen on for memory and for disks that are copied, unless qemu.conf names others. It takes
// the first that is free.
const FirstPort, LastPort = 49152, 49215

// Port is a port of the destination's, and what the source got for an answer there.
type Port struct {
	Number int
	For    Purpose
	Answer Answer
}

// Purpose is what a port is for.
type Purpose string

// What goes through ports of its own.
const (
	ForMemory Purpose = "memory"
	ForDisks  Purpose = "disks"
)

// Answer is what comes of a try to connect.
type Answer string

// Refused is as it should be before a migration: the way is free and nobody listens.
const (
	Refused Answer = "refused"
	Taken   Answer = "taken"  // somebody listens
	Silent  Answer = "silent" // nothing comes back, as of what a firewall drops
	Barred  Answer = "barred" // a firewall says no, or there is no way
)

// ports looks whether the QEMUs will find each other.
func (c *check) ports() {
	for _, p := range c.Ports {
		given := p.For == ForDisks || c.Options.Port != 0
		another := "name another with --migrateuri tcp://HOST:PORT"
		if p.For == ForDisks {
			another = "name another with --disks-port"
		}
		mend := "open TCP ports 49152 to 49215 there (firewall-cmd --permanent --add-port=49152-49215/tcp; firewall-cmd --reload), or, if its" +
			" qemu.conf has other ports, give one of these with --migrateuri tcp://HOST:PORT"
		if given {
			mend = "open it there, or " + another
		}
		switch {
		case p.Answer == Taken && given:
			c.found(another, "somebody listens on port %d of the destination already, which is to take the %s", p.Number, p.For)
		case p.Answer == Silent:
			c.found(mend, "port %d of the destination, for the %s, gives the source no answer: a firewall drops what comes", p.Number, p.For)
		case p.Answer == Barred:
			c.found(mend, "port %d of the destination, for the %s, is barred for the source", p.Number, p.For)
		}
	}
}
