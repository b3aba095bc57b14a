package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/pki"
)

const day = 24 * time.Hour

func newPKI() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "pki",
		Short: "Certificates and shared keys for encrypted migrations",
		Long: `pki makes what hosts need to encrypt migrations and to know each other: an authority, certificates of hosts and users,
and keys shared beforehand, under the names and in the folders where QEMU and libvirt look for them. The authority's key
belongs on one machine, best on none of the hosts; every host gets its own files alone.`,
	})
	cmd.AddCommand(newPKIInit(), newPKIIssue(), newPKIPSK(), newPKIRenew(), newPKIShow())
	return cmd
}

// pkiFlags are what the commands below pki have in common.
type pkiFlags struct {
	dir, group string
	valid      time.Duration
}

func (p *pkiFlags) at(fs *pflag.FlagSet) {
	fs.StringVar(&p.dir, "dir", "", "folder of the authority (default: pki in $WALM_STATE or /var/lib/walm)")
}

func (p *pkiFlags) lasting(fs *pflag.FlagSet, initial, what string) {
	parsed(fs, &p.valid, "valid", "TIME", initial, "how long "+what, lifetime)
}

func (p *pkiFlags) grouped(fs *pflag.FlagSet) {
	fs.StringVar(&p.group, "group", "", "group that QEMU runs in on the hosts, which is to read QEMU's keys (default: root alone)")
}

func (p *pkiFlags) store() pki.Store {
	return pki.Store{Dir: cmp.Or(p.dir, filepath.Join(cmp.Or(os.Getenv("WALM_STATE"), "/var/lib/walm"), "pki"))}
}

// lifetime reads a time in days or years, or as Go writes durations.
func lifetime(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": day, "y": 365 * day} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			x, err := strconv.ParseUint(n, 10, 16)
			if err != nil || x == 0 || time.Duration(x)*d > 100*365*day {
				return 0, fmt.Errorf("%q is not a time from 1d to 100y", s)
			}
			return time.Duration(x) * d, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time above zero, such as 90d, 10y or 12h", s)
	}
	return d, nil
}

func newPKIInit() *cobra.Command {
	var p pkiFlags
	var name string
	cmd := &cobra.Command{
		Use:     "init",
		Short:   "Make an authority, and a shared key",
		Example: "  walm pki init --name 'acme virtualisation'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := p.store()
			a, err := s.Init(name, time.Now(), p.valid)
			if errors.Is(err, pki.ErrExists) {
				return fmt.Errorf("%w, which every host may trust: renew it with walm pki renew, or name another folder with --dir", err)
			}
			if err == nil {
				err = s.Share(pki.User)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the authority %s is in %s, valid until %s; next: walm pki issue HOST --name NAME --ip ADDRESS\n",
				name, s.Dir, a.Cert().NotAfter.Format(time.DateOnly))
			return nil
		},
	}
	p.at(cmd.Flags())
	p.lasting(cmd.Flags(), "10y", "the authority is valid")
	cmd.Flags().StringVar(&name, "name", "walm", "the authority's name")
	return cmd
}

func newPKIIssue() *cobra.Command {
	var p pkiFlags
	var names []string
	var ips []net.IP
	var client bool
	cmd := &cobra.Command{
		Use:   "issue NAME",
		Short: "Make the certificates of a host, or of a user",
		Long: `issue makes a host's certificates, one as the server that migrations and libvirt's clients come to and one as the client
that it is itself, each with a key of its own, and lays all files of the host out as they are to be below its root:

  etc/pki/CA/cacert.pem                                     libvirt: the authority
  etc/pki/libvirt/servercert.pem, private/serverkey.pem     libvirt's daemon
  etc/pki/libvirt/clientcert.pem, private/clientkey.pem     its clients, and a daemon that migrates to another
  etc/pki/qemu/ca-cert.pem, server-*.pem, client-*.pem      QEMU's migration stream, and libvirt's with --tls
  etc/pki/qemu/keys.psk                                     QEMU's, with a shared key (--tls=psk)

A client checks the host by the name or address by which it connects: give all of them with --name and --ip.
With --client it is a user's certificate, for ~/.pki/libvirt.`,
		Example: `  walm pki issue alpha --name alpha --name alpha.example --ip 192.0.2.1
  walm pki issue beta --name beta.example --ip 192.0.2.2 --group kvm
  walm pki issue ann --client`,
		Args: one("the name of a host or of a user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, name, now := p.store(), args[0], time.Now()
			if client {
				if len(names)+len(ips) > 0 || p.group != "" {
					return errors.New("--client is for a user, who is not reached by a --name or --ip and has no --group")
				}
				if err := s.IssueClient(name, now, p.valid); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "made %s: copy its files to ~/.pki/libvirt of the user\n", s.Client(name))
				return nil
			}
			if len(names) == 0 {
				names = []string{name}
			}
			if err := s.IssueHost(name, names, ips, p.group, now, p.valid); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "made %s: copy it to the root of %s, such as with rsync -a --chown=root:root %[1]s/ root@%[2]s:/\n",
				s.Host(name), name)
			return nil
		},
	}
	p.at(cmd.Flags())
	p.lasting(cmd.Flags(), "1y", "the certificates are valid")
	p.grouped(cmd.Flags())
	cmd.Flags().StringSliceVar(&names, "name", nil, "name by which the host is reached (default: NAME)")
	cmd.Flags().IPSliceVar(&ips, "ip", nil, "address by which it is reached")
	cmd.Flags().BoolVar(&client, "client", false, "a user's certificate, not a host's")
	return cmd
}

func newPKIPSK() *cobra.Command {
	var p pkiFlags
	user := pki.User
	cmd := &cobra.Command{
		Use:   "psk",
		Short: "Make a new shared key",
		Long: `psk makes a new shared key, for hosts that migrate to each other without certificates. Each host gets it with its next
walm pki issue or renew; until both ends of a migration have it, they refuse each other.`,
		Example: "  walm pki psk",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := p.store()
			if err := s.Share(user); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "made %s; next: walm pki renew --all\n", filepath.Join(s.Dir, pki.PSKFile))
			return nil
		},
	}
	p.at(cmd.Flags())
	cmd.Flags().StringVar(&user, "user", user, "who the client says it is")
	return cmd
}

func newPKIRenew() *cobra.Command {
	var p pkiFlags
	r := pki.Renewal{Before: 30 * day, AuthorityToo: 3650 * day}
	cmd := &cobra.Command{
		Use:   "renew [NAME...]",
		Short: "Make certificates anew that expire soon",
		Long: `renew makes new certificates, with new keys and the same names, for hosts and users whose old ones expire soon, and
names the folders that are to be copied again. An authority that expires soon is renewed too; it keeps its key, so that
hosts with the old files and hosts with the new ones still know each other.`,
		Example: `  walm pki renew
  walm pki renew alpha --all
  walm pki renew --before 60d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Names, r.Valid, r.Group = args, p.valid, p.group
			changed, err := p.store().Renew(r, time.Now())
			for _, dir := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), "renewed", dir)
			}
			if err == nil && len(changed) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing expires soon")
			}
			return err
		},
	}
	p.at(cmd.Flags())
	p.lasting(cmd.Flags(), "1y", "the new ones are valid")
	p.grouped(cmd.Flags())
	parsed(cmd.Flags(), &r.Before, "before", "TIME", "30d", "those that expire sooner", lifetime)
	cmd.Flags().BoolVar(&r.All, "all", false, "also those that last longer")
	return cmd
}

func newPKIShow() *cobra.Command {
	var p pkiFlags
	soon := 30 * day
	output := "text"
	cmd := &cobra.Command{
		Use:   "show [DIR...]",
		Short: "What certificates and keys there are, when they expire, and what is wrong with them",
		Long: `show tells of every certificate, key and list of shared keys under a folder: whose it is, for what, until when, and what
is wrong: expired, readable by others, a key that belongs to another certificate, signed by another authority. Of
keys it shows nothing. The exit code is 1 if something is wrong.`,
		Example: `  walm pki show
  walm pki show /etc/pki -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{p.store().Dir}
			}
			all := []pki.Entry{}
			for _, dir := range args {
				some, err := pki.Show(dir, time.Now(), soon)
				if err != nil {
					return fmt.Errorf("look for certificates: %w", err)
				}
				all = append(all, some...)
			}
			show := pkiTable
			if output == "json" {
				show = pkiDocument
			}
			if err := show(cmd.OutOrStdout(), all, time.Now()); err != nil {
				return err
			}
			for _, e := range all {
				if len(e.Wrong) > 0 {
					return coded{exitFailed, errors.New("")}
				}
			}
			return nil
		},
	}
	p.at(cmd.Flags())
	parsed(cmd.Flags(), &soon, "before", "TIME", "30d", "what expires sooner is wrong", lifetime)
	parsed(cmd.Flags(), &output, "output,o", "FORMAT", "text", "text or json", func(s string) (string, error) {
		if s != "text" && s != "json" {
			return "", fmt.Errorf("%q is not text or json", s)
		}
		return s, nil
	})
	return cmd
}

func pkiDocument(out io.Writer, all []pki.Entry, _ time.Time) error {
	return writeJSON(out, struct {
		Schema  string      `json:"schema"`
		Version int         `json:"version"`
		Files   []pki.Entry `json:"files"`
	}{"walm.pki", 1, all})
}

func pkiTable(out io.Writer, all []pki.Entry, now time.Time) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "no certificates and no keys")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "file\twhat\twhose\tnames\texpires")
	for _, e := range all {
		expires := ""
		if !e.Expires.IsZero() {
			expires = fmt.Sprintf("%s (%d days)", e.Expires.Format(time.DateOnly), e.Expires.Sub(now)/day)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Path, e.Kind, cmp.Or(e.Subject, strings.Join(e.Users, ",")), strings.Join(e.Names, ","), expires)
	}
	err := w.Flush()
	for _, e := range all {
		for _, wrong := range e.Wrong {
			fmt.Fprintf(out, "%s: %s\n", e.Path, wrong)
		}
	}
	return err
}
