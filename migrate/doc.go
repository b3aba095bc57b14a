// Package migrate carries a plan out: a pure Machine says what to do next, Run does it with a Hypervisor.
//
// The states say who owns the VM and what is known of it:
//
//	Preparing ──► Copying ──────────► Switching ──────────► Completed     live methods
//	    │            │                  │    │                   ▲
//	    │            │                  │    └─► Postcopying ────┤        post-copy, hybrid
//	    │            │                  │            │ ▲         │
//	    │            │                  │            ▼ │         │
//	    │            │                  │      Recovering ──► Paused
//	    └──► Saving ──► Transferring ──► Restoring ──► Switching ┘        offline
//	  any of these left of Switching,
//	  and a switch that failed    ──► Returning ──► Failed | Cancelled
//	  an end does not answer      ──► Unknown   ──► whatever a look then tells
//	  nothing has the VM any more ──► Lost
//
// Rules that hold in every state, kept by the exhaustive model test:
//
//   - ActCancel is never asked for after ActPostcopy was.
//   - ActResumeSource is never asked for while the destination runs or may yet run: it needs a look at both ends that
//     says that the VM did not start there and that the migration is over without having handed it over.
//   - Events only say when to look. Whether a move is over, and where the VM is, is always read off a look at both
//     ends that came later (judge). So lost, doubled and swapped events cost time and not the VM. Two are relied on: the
//     end of an offline step, and the RESUME of a destination that dies at once, which no look could tell any more.
//   - Where a look cannot tell, the state is Unknown and both ends are asked again, up to a limit; nothing is guessed.
package migrate
