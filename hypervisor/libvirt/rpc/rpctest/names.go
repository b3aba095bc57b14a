package rpctest

import "fmt"

// Procedures of the remote program, as the protocol's definition numbers them (src/remote/remote_protocol.x).
const (
	connectOpen        = 1
	connectClose       = 2
	connectVersion     = 4
	capabilities       = 7
	domainXML          = 14
	domainInfo         = 16
	lookupID           = 22
	lookupName         = 23
	lookupUUID         = 24
	domainResume       = 28
	domainSuspend      = 34
	hostname           = 59
	supportsFeature    = 60
	authList           = 66
	freeMemory         = 102
	connectURI         = 110
	isPersistent       = 151
	libVersion         = 157
	abortJob           = 164
	setDowntime        = 166
	hasManagedSave     = 183
	snapshotNum        = 187
	setSpeed           = 207
	domainState        = 212
	listAll            = 273
	jobStats           = 298
	begin3             = 302
	prepare3           = 303
	perform3           = 305
	finish3            = 306
	confirm3           = 307
	register           = 316
	deregister         = 317
	lifecycleEvent     = 318
	domainCapabilities = 342
	allStats           = 344
	iterationEvent     = 359
	jobCompletedEvent  = 363
	startPostcopy      = 364
	getDowntime        = 387
	startDirtyRate     = 427
	abortFlags         = 442
)

// Procedures of the QEMU program.
const (
	qemuCommand    = 1
	qemuRegister   = 4
	qemuDeregister = 5
	qemuEvent      = 6
)

// name is a procedure's, for people.
func name(program, procedure uint32) string {
	switch program {
	case KeepAlive:
		return fmt.Sprintf("keepalive %d", procedure)
	case QEMU:
		return fmt.Sprintf("qemu %d", procedure)
	case Remote:
		return fmt.Sprintf("remote %d", procedure)
	}
	return fmt.Sprintf("program %#x procedure %d", program, procedure)
}
