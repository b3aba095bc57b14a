package main

import (
	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "devel"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "walm",
		Short: "Move running QEMU/KVM virtual machines by the method that suits what they are doing",
		Long: `walm watches what a virtual machine is doing, says beforehand what every way to move it would cost, picks the one
that suits, moves the machine, adapts on the way, and shows predicted beside measured.

` + exitHelp,
		Example: `  # see it work on this machine: two hosts, a client, a 1 Gbit/s link, a real guest
  walm demo

  # what would it cost to move this VM? Nothing is moved.
  walm advise qmp+unix:///run/a.qmp --link 1Gbit/s

  # move a libvirt domain, as virsh migrate would, by the method that suits
  walm migrate -c qemu:///system vm1 qemu+tls://beta/system

  # move it to a QEMU that was started with -incoming defer
  walm migrate qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetVersionTemplate("walm {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newList(), newMigrate(), newAdvise(), newExplain(), newWatch(), newJobInfo(), newAbort(), newStatus(), newRecover(), newDemo(), newAccuracy(), newCalibrate(), newOutcomes(), newLab(), newStudy(), newPKI(), newDoctor(), newVersion(), newMan())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			group(c)
		case "help":
			c.Args = topic
		}
	}
	return root
}
