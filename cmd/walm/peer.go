package main

import (
	"github.com/spf13/cobra"

	"walm/decide/peer"
	"walm/move"
	"walm/vm"
)

// peerFlag is the flag that has a VM moved as somebody else would. A peer knows nothing of what a user wants, so that the
// flags which say so do not go with it; a deadline does, since walm itself holds it.
func peerFlag(cmd *cobra.Command, p *peer.Peer) {
	parsed(cmd.Flags(), p, "policy", "NAME", "",
		"move the VM as another would, by a model of its policy: proxmox, nova-abort,\nkubevirt-stall … (default: walm chooses)", peer.Find)
	for _, name := range []string{"method", "profile", "weights", "max-downtime", "max-slowdown", "no-post-copy",
		"postcopy-bandwidth", "passes", "multifd", "compression", "no-preempt", "shadow"} {
		cmd.MarkFlagsMutuallyExclusive("policy", name)
	}
}

// steered puts a peer's policy, where there is one, in the place of walm's choice.
func steered(r *move.Request, p peer.Peer, bandwidth vm.Rate) {
	if p.Name == "" {
		return
	}
	r.Steer = func(t vm.Trace, l vm.Link) peer.Steering {
		return p.Begin(peer.Site{Trace: t, Link: l, Cap: bandwidth})
	}
}
