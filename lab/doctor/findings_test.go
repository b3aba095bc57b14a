package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walm/hypervisor/qmp"
	"walm/lab/debian"
	"walm/vm"
)

// Every interpretation of a raw reading.
func TestFindings(t *testing.T) {
	denied := os.NewSyscallError("try", unix.EPERM)
	own := program{debian.QEMU{Version: "10.0.2", Env: []string{"LD_LIBRARY_PATH=x"}}, "the cache"}
	found := program{debian.QEMU{Binary: "/usr/bin/qemu-kvm"}, "/usr/bin/qemu-kvm"}
	now := time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC)
	up := attempt{cpu: "host", after: 1234 * time.Millisecond}
	abort := attempt{cpu: "host", after: 40 * time.Millisecond, err: errEnded, said: "failed to set MSR"}
	hang := attempt{cpu: "qemu64", after: 10 * time.Second, err: context.DeadlineExceeded}
	lab, moves := []Ability{RunLab}, []Ability{Migrate}
	disk := room{"disk", "/d", 20 * vm.MiB, nil, 16 * vm.MiB, "why", "instead", moves}
	lacks := []string{"QEMU 7.2"}
	full, locked := disk, disk
	full.need, locked.err = vm.GiB, errors.New("/d cannot be written")

	for name, x := range map[string]struct {
		got     Finding
		level   Level
		against []Ability
		says    string // somewhere in what, means or mend
	}{
		"root":     {userFinding(0), OK, nil, "root"},
		"not root": {userFinding(1000), Problem, lab, "user 1000"},

		"two processors": {processorsFinding(2, 2.1), OK, nil, "2, load 2.1"},
		"one processor":  {processorsFinding(1, 0), Note, nil, "second processor"},
		"busy":           {processorsFinding(2, 3), Note, nil, "busy"},

		"memory":         {memoryFinding("MemTotal: 1 kB\nMemAvailable:    4194304 kB\n"), OK, nil, "4 GiB free"},
		"little memory":  {memoryFinding("MemAvailable: 500000 kB\n"), Problem, lab, "--memory"},
		"untold memory":  {memoryFinding("MemTotal: 1 kB\n"), Unknown, lab, "not known"},
		"garbled memory": {memoryFinding("MemAvailable: lots\n"), Unknown, lab, "not known"},

		"clock":            {clockFinding(clockReading{"tsc", 50, false, now}), OK, nil, "tsc"},
		"slow clock":       {clockFinding(clockReading{"hpet", 2000, false, now}), Note, nil, "system call"},
		"clock of 1970":    {clockFinding(clockReading{"tsc", 50, false, time.Unix(0, 0).UTC()}), Note, nil, "1970-01-01"},
		"clock going back": {clockFinding(clockReading{"tsc", 50, true, now}), Problem, lab, "backwards"},

		"disk":        {disk.finding(), OK, nil, "20 MiB"},
		"full disk":   {full.finding(), Problem, moves, "1 GiB are needed"},
		"locked disk": {locked.finding(), Problem, moves, "cannot be written"},

		"memory read":        {observingFinding(3, nil, "1", true), OK, nil, "read"},
		"Yama, not root":     {observingFinding(3, nil, "1", false), Note, nil, "ptrace_scope is 1"},
		"Yama off, not root": {observingFinding(3, nil, "0", false), OK, nil, "read"},
		"no Yama, not root":  {observingFinding(3, nil, "", false), OK, nil, "read"},
		"no page seen":       {observingFinding(0, nil, "", true), Problem, lab, "no page"},
		"memory denied":      {observingFinding(0, denied, "1", true), Problem, lab, "operation not permitted"},
		"Yama forbids all":   {observingFinding(0, denied, "3", true), Problem, lab, "boot with"},

		"userfaultfd both ways": {userfaultsFinding(faultReading{sysctl: "1"}), OK, nil, "userfaultfd=1"},
		"by call":               {userfaultsFinding(faultReading{device: fs.ErrNotExist}), OK, nil, "by the system call"},
		"by device":             {userfaultsFinding(faultReading{call: denied}), Note, nil, "7.2 does not"},
		"no userfaultfd": {userfaultsFinding(faultReading{call: unix.ENOSYS, device: fs.ErrNotExist}),
			Note, nil, "CONFIG_USERFAULTFD"},
		"userfaultfd denied": {userfaultsFinding(faultReading{denied, nil, denied, "0"}), Note, nil, "user space alone"},

		"namespace":         {namespaceFinding(nil), OK, nil, "made"},
		"namespace denied":  {namespaceFinding(denied), Problem, lab, "SYS_ADMIN"},
		"no namespaces":     {namespaceFinding(unix.EINVAL), Problem, lab, "CONFIG_NET_NS"},
		"namespaces are up": {namespaceFinding(unix.ENOSPC), Problem, lab, "max_net_namespaces"},
		"namespace, odd":    {namespaceFinding(unix.EIO), Problem, lab, "dmesg"},

		"tap":          {tapFinding(nil), OK, nil, "made"},
		"no tun":       {tapFinding(os.NewSyscallError("open", unix.ENOENT)), Problem, lab, "modprobe tun"},
		"tap, odd":     {tapFinding(unix.EIO), Problem, lab, "dmesg"},
		"tap, untried": {tapFinding(fmt.Errorf("%w: %w", errNamespace, unix.EPERM)), Unknown, lab, "network namespace"},
		"tap denied":   {tapFinding(denied), Problem, lab, "NET_ADMIN"},

		"links":      {linkFinding(linkReading{fair: true}), OK, nil, "1 Gbit/s"},
		"unfair":     {linkFinding(linkReading{}), Note, nil, "fq_codel"},
		"no links":   {linkFinding(linkReading{up: denied}), Problem, lab, "sch_tbf"},
		"links left": {linkFinding(linkReading{fair: true, left: true}), Note, nil, "walm lab down"},
		"not down":   {linkFinding(linkReading{fair: true, down: denied}), Note, nil, "not permitted"},

		"packages":      {packagesFinding(nil, "/c", errors.New("no Debian"), nil), OK, nil, "/c"},
		"not fetched":   {packagesFinding(lacks, "/c", nil, nil), Note, nil, "walm doctor --fetch"},
		"cannot fetch":  {packagesFinding(lacks, "/c", nil, errors.New("no network")), Problem, lab, "no network"},
		"not on Fedora": {packagesFinding(lacks, "/c", errors.New("no Debian"), nil), Problem, lab, "no Debian"},

		"TCG":             {tcgFinding(own, up), OK, nil, "QEMU 10.0.2: the guest is up after 1.23s"},
		"TCG, slow":       {tcgFinding(own, attempt{after: time.Minute}), Note, nil, "busy"},
		"no TCG":          {tcgFinding(own, abort), Problem, lab, "MSR"},
		"no TCG in PATH":  {tcgFinding(found, abort), Note, nil, "/usr/bin/qemu-kvm"},
		"KVM":             {kvmFinding(own, nil, []attempt{up}), OK, nil, "-cpu host: up after 1.23s"},
		"KVM, not host":   {kvmFinding(own, nil, []attempt{abort, up}), OK, nil, "up after"},
		"KVM that hangs":  {kvmFinding(own, nil, []attempt{abort, hang}), Note, nil, "not a word from the guest in 10s"},
		"no KVM":          {kvmFinding(own, fs.ErrNotExist, nil), Note, nil, "modprobe"},
		"KVM not allowed": {kvmFinding(own, fs.ErrPermission, nil), Note, nil, "group"},
		"not tried":       {notFetched("boot", RunLab), Unknown, lab, "walm doctor --fetch"},
		"no image":        {noImage("boot", errors.New("no guest program")), Problem, lab, "make"},
		"broken":          {broken("x", fmt.Errorf("y: %w", context.DeadlineExceeded), RunLab), Unknown, lab, "longer"},

		"nothing left":   {leftoversFinding(nil, 0), OK, nil, "none"},
		"a lab is up":    {leftoversFinding(nil, 2), OK, nil, "up: 2"},
		"a dead lab":     {leftoversFinding([]string{"77x1"}, 1), Note, nil, "77x1"},
		"has all of it":  {programFinding(own, answers{capabilities: names()}), OK, nil, "dirty-limit"},
		"lacks the rest": {programFinding(own, answers{capabilities: names()[:3]}), Note, nil, "lacks switchover-ack"},
		"has no TCG":     {programFinding(found, answers{capabilities: names(), noTCG: true}), OK, nil, "KVM only"},
	} {
		f := x.got
		if f.Level != x.level || !slices.Equal(f.Against, x.against) {
			t.Errorf("%s: %s against %q, want %s against %q", name, f.Level, f.Against, x.level, x.against)
		}
		if !strings.Contains(f.What+"\n"+f.Means+"\n"+f.Mend, x.says) {
			t.Errorf("%s: %+v does not say %q", name, f, x.says)
		}
		if f.Name == "" || f.What == "" || f.Level != OK && f.Means == "" {
			t.Errorf("%s: incomplete: %+v", name, f)
		}
		if f.Level == Problem && (len(f.Against) == 0 || f.Mend == "") {
			t.Errorf("%s: a problem against nothing, or without a remedy: %+v", name, f)
		}
	}
}

func names() (all []string) {
	for _, w := range wanted {
		all = append(all, w.name)
	}
	return all
}

func TestHazards(t *testing.T) {
	const (
		corrupts = "corrupts guests that move live under TCG"
		kills    = "calc-dirty-rate in mode dirty-bitmap or dirty-ring kills it under TCG"
		zero     = "calc-dirty-rate in mode dirty-bitmap answers 0 under TCG"
		early    = "says completed before it has the totals"
		cancel   = "migrate_cancel during post-copy destroys the VM"
	)
	for _, x := range []struct {
		version qmp.Version
		want    []string
	}{
		{qmp.Version{Major: 5, Minor: 2}, []string{corrupts, early, cancel}},
		{qmp.Version{Major: 7, Minor: 2, Micro: 22}, []string{corrupts, kills, early, cancel}},
		{qmp.Version{Major: 8, Minor: 2}, []string{corrupts, kills, early, cancel}},
		{qmp.Version{Major: 9}, []string{kills, cancel}},
		{qmp.Version{Major: 9, Minor: 1}, []string{zero, cancel}},
		{qmp.Version{Major: 9, Minor: 2, Micro: 4}, []string{zero, cancel}},
		{qmp.Version{Major: 10, Micro: 2}, []string{zero}},
	} {
		var got []string
		for _, f := range hazards(x.version) {
			got = append(got, f.What)
			if f.Level != Note || f.Means == "" || f.Mend == "" || f.Name != "QEMU "+x.version.String() {
				t.Errorf("%+v", f)
			}
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", x.version, got, x.want)
		}
	}
}

func TestStack(t *testing.T) {
	const maps = "55d0-55e0 r--p 0 08:01 12 /bin/sleep\n7ffc5000-7ffc7000 rw-p 00000000 00:00 0   [stack]\n"
	got, err := stack(maps)
	if want := (vm.Block{HostAddr: 0x7ffc5000, Size: 0x2000}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "what-ever rw-p [stack]\n"} {
		if got, err := stack(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	free, err := writable(dir + "/to/be/made")
	if err != nil || free <= 0 {
		t.Errorf("%v, %v", free, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%v was made", entries)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := writable(dir + "/file/in"); err == nil {
		t.Error("a folder in a file can be written")
	}
}

func TestNewestFinding(t *testing.T) {
	for _, tt := range []struct {
		version string
		failed  error
		level   Level
		says    string
	}{
		{"11.1.3", nil, OK, "QEMU 11.1.3 of Debian's sid is fetched"},
		{"", nil, Note, "not fetched yet"},
		{"", errors.New("no apt source"), Note, "cannot be had: no apt source"},
	} {
		f := newestFinding(tt.version, tt.failed)
		if f.Level != tt.level || !strings.Contains(f.What, tt.says) || len(f.Against) > 0 || f.Level != OK && (f.Means == "" || f.Mend == "") {
			t.Errorf("%q, %v: %+v", tt.version, tt.failed, f)
		}
	}
}

func TestMissing(t *testing.T) {
	if got := missing(debian.Cache{Dir: t.TempDir()}); len(got) != 3 {
		t.Errorf("an empty cache lacks %q", got)
	}
}
