// Package peer holds models of what others do with a migration, each to be run on the same QEMU, by the same runner, on
// the same guests as walm's own choice; and the rules of thumb that any choice must beat.
//
// Every peer is a model, written from its source's constants and not with its code: it decides as the source does, at
// the source's own pace, and leaves out everything around the decision (storage, encryption, hooks, retries, how many
// migrations a host runs at once). What a model leaves out that could change its result stands at the model.
//
// Three things hold for all of them. The stream is not capped unless Site.Cap says so: all but QEMU's own default lift
// the cap of 128 MiB/s, and with it every comparison on a faster link would be one of caps. It is one TCP stream, as
// walm's: KubeVirt's and oVirt's parallel ones help where one core is slower than the link. And XBZRLE, which Proxmox
// and one policy of oVirt use, is left out: its cache needs a tenth of the VM's memory or more to help.
package peer
