// Package qmptest plays the QEMU side of a QMP connection for tests: by hand ([Serve] and [Peer]), or from the
// transcript of a real one ([Play], or [Replay] for several at once), which [Record] makes.
//
// # Transcripts
//
// A transcript is a file of JSON lines, each an [Entry]:
//
//	{"dir":"#","t":0,"msg":"any remark"}
//	{"dir":"+","t":3.2}
//	{"dir":"<","t":4.1,"msg":{"QMP": …}}
//	{"dir":">","t":4.3,"msg":{"execute":"qmp_capabilities","id":1}}
//	{"dir":"<","t":4.6,"msg":{"return":{},"id":1}}
//	{"dir":"-","t":9.9,"msg":"client"}
//
// t is in milliseconds since the recording began. The directions are "<" from QEMU, ">" to QEMU, "+" a client
// connected, "-" the connection ended (msg tells by whom: "client" or "qemu"), and "#" a remark. Messages are kept as
// they were sent, to the digit and the escape; only white space between tokens is lost. What was no message (garbage,
// half a reply) is kept as bytes in "raw" instead of "msg", and "fds" counts the files that came with a command. Where
// several monitors were recorded at once, "peer" says which one it was. A file whose name ends in .gz is compressed.
package qmptest
