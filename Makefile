# What a newcomer needs: make demo, make test. Everything that is missing is fetched into a cache of walm's own; nothing is
# installed and no apt source is changed.

export CGO_ENABLED = 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GUEST   := lab/guest/embedded/init.gz
GO      ?= go
# Root's tests run two packages at a time: they boot guests, and two cores are few, but much of it is waiting.
LAB     := $(GO) test -tags lab -count=1 -p 2 -timeout 18m

.PHONY: all build demo demo-libvirt check static test test-kvm model bench killed soak faults forecast fuzz lint vuln man clean

all: build

build: $(GUEST)
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o walm ./cmd/walm

# The program in the lab's guest, carried inside walm.
$(GUEST): $(shell find lab/guest/init lab/guest/load lab/guest/wire vm -name '*.go' -not -name '*_test.go') go.mod
	GOOS=linux GOARCH=amd64 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o $(basename $@) ./lab/guest/init
	gzip -n -9 -f $(basename $@)

demo: build
	./walm demo $(ARGS)

# The same between two libvirts, whose domain has a disk.
demo-libvirt: build
	./walm demo --libvirt $(ARGS)

# No root, no QEMU, under a minute.
check: static
	$(GO) test ./...

static: $(GUEST)
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags lab ./...
	$(GO) mod tidy -diff
	$(GO) mod verify

# All tests, as root: those of check once, and real guests on real QEMUs.
test: static lint build
	$(LAB) ./...

# The experiments behind the README's figures. Each goes on where it stopped; results are kept beside the program.
bench: build
	$(GO) test -run '^$$' -bench . -benchmem ./observe ./predict ./measure ./hypervisor/qmp ./journal
	$(GO) run ./studies/first-moves steering
	$(GO) run ./studies/first-moves watching
	$(GO) run ./studies/first-moves tables

# walm killed at random instants, and what walm status and recover then come to.
killed: build
	$(GO) run ./studies/killed run 17 2
	$(GO) run ./studies/killed tables

soak: build
	$(GO) run ./studies/first-moves soak
	$(GO) run ./studies/first-moves tables

# One thing that goes wrong in each phase of each method, and a thousand moves in a row: both for hours, and they go on
# where they stopped.
faults: build
	./walm lab faults --at-once 4 --results faults.jsonl
	./walm lab soak --moves 125 --guests 4 --qemu 7.2,10.0 --results soak.jsonl

forecast: build
	$(GO) run ./studies/first-moves forecast
	$(GO) run ./studies/first-moves tables

# Hosts that are machines with KVM of their own, inside TCG: an hour or more, before a release and whenever the drivers change.
# The study goes on where it stopped; its results are kept.
test-kvm: build
	$(GO) test -tags kvm -count=1 -timeout 30m ./lab/vmhost
	$(GO) run ./studies/kvm-hosts

# The model of migrations, further than `make test` goes, for as long as it takes.
model:
	$(GO) test ./migrate -count=1 -timeout 2h -run 'TestModel' -scenes 20000 -depth 5 -ways 1000 -rapid.checks 100000

# Every fuzz target for so much CPU time, that of earlier runs counted in.
FUZZTIME ?= 10m
fuzz: $(GUEST)
	$(GO) run ./studies/fuzzed run $(FUZZTIME)
	$(GO) run ./studies/fuzzed tables

# The linter is built from source the first time, which takes a minute.
lint:
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

# Known vulnerabilities in what walm calls, by the Go project's database, or another one in GOVULNDB (file:///…). It is apart
# from check, which needs no network. Where the database cannot be had nothing was checked, and that is no success.
vuln:
	@$(GO) tool -modfile=tools/go.mod govulncheck ./cmd/walm; code=$$?; case $$code in 0) ;; \
	  3) echo "vuln: the findings above are reached by walm: update what they name" >&2; exit 3;; \
	  *) echo "vuln: NOT CHECKED: the database was not had; set GOVULNDB to one that can be reached" >&2; exit 1;; esac

man: build
	./walm man dist/man1

clean:
	rm -rf walm dist $(GUEST)
