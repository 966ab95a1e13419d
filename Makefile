# picklock's two commands are `make run` and `make test`; both set the checkout up first.
#
#   make run ARGS="--seeds 2"    what stands in ARGS goes to `picklock run`
#   CXX, CARGO_TARGET_DIR        are honoured
#   PICKLOCK_LIBTORCH=full       takes the GPU's libtorch where no GPU shows itself (host/lm/libtorch.sh)

CARGO ?= cargo
STRIP ?= strip
ARGS ?=

target := $(or $(CARGO_TARGET_DIR),target)
built := $(target)/debug

# The build calls c++ unless CXX names another compiler; make's own default for CXX is not for others to see.
ifeq ($(origin CXX),default)
  other := $(shell command -v c++ >/dev/null || command -v g++ || command -v clang++)
  ifneq ($(other),)
    export CXX := $(other)
  endif
endif

.PHONY: help setup run test test-slurm soak fuzz golden calibrate dist

help: ## Print these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

setup: ## Look for the tools and install libtorch into .torch; says nothing when all is there
	@sh host/lm/libtorch.sh

run: setup ## Build picklock and run core and weight-noise; ARGS is added to `picklock run`
	@$(CARGO) build --bin picklock
	@$(built)/picklock run core weight-noise $(ARGS)

# What git sees of the tree: the checks below must leave it as they found it.
tree = git status --porcelain --untracked-files=all && git diff
seen := $(target)/tree-before-test
nextest = $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
plugins := $(notdir $(patsubst %/Cargo.toml,%,$(wildcard plugins/*/Cargo.toml)))

test: export OMP_NUM_THREADS := 1
test: setup ## Format, clippy, docs, build, tests, and whether the tree is as it was
	@mkdir -p $(target) && { { $(tree); } >$(seen) 2>/dev/null || rm -f $(seen); }
	@echo 'test: format'
	@$(CARGO) fmt --all --check
	@echo 'test: clippy'
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@echo 'test: docs'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	@echo 'test: build' # with the plugins, which `cargo test` and nextest leave out
	@$(CARGO) build --workspace --all-targets
	@echo 'test: tests'
	@$(if $(nextest),$(CARGO) nextest run,$(CARGO) test --all-targets) --workspace
	@echo 'test: documentation examples' # a plugin is a cdylib, which has none
	@$(CARGO) test --doc --workspace $(plugins:%=--exclude picklock-%)
	@if [ ! -e $(seen) ]; then echo 'test: tree: not looked at, as this is no git checkout'; \
	elif { $(tree); } | diff $(seen) -; then echo 'test: tree: as it was; all is well'; \
	else echo 'test: tree: the checks changed it, as shown above' >&2; exit 1; fi

test-slurm: setup ## Run the tests on a real Slurm, which is set up on this host (root, slurm-wlm and munge needed)
	@$(CARGO) build --workspace --all-targets
	@PICKLOCK_TEST_SLURM=1 $(CARGO) test -p picklock-tests --test cluster -- --nocapture --test-threads 1

golden_venv := $(target)/golden-venv
golden_pins := host/stats/golden/requirements.txt

$(golden_venv)/made: $(golden_pins)
	@python3 -m venv $(golden_venv)
	@$(golden_venv)/bin/pip install --quiet --disable-pip-version-check -r $<
	@cp $< $@

golden: $(golden_venv)/made ## Make the statistics' golden figures anew by scipy and statsmodels, and compare
	@$(golden_venv)/bin/python host/stats/golden/make.py --check
	@echo 'golden: as committed'

calibrate: ## Simulate the false positives and coverage of docs/src/calibration.md anew (minutes)
	@$(CARGO) run --package picklock-stats --example calibrate -- docs/src

KILLS ?= 300

soak: export OMP_NUM_THREADS := 1
soak: setup ## Kill runs at random, KILLS times (300), and at every journal operation, and look whether anything is lost
	@$(CARGO) build --workspace --all-targets
	@PICKLOCK_SOAK=$(KILLS) $(CARGO) test -p picklock-tests --test soak --test faults -- --nocapture

# Coverage for libFuzzer, by flags that a stable compiler takes. What isn't ours is instrumented too, as it reads as well.
FUZZ ?= 60
fuzzers := $(patsubst tests/fuzz/targets/%.rs,%,$(wildcard tests/fuzz/targets/*.rs))
coverage := level=4 inline-8bit-counters pc-table trace-compares
covered := -Cpasses=sancov-module $(coverage:%=-Cllvm-args=-sanitizer-coverage-%) -Ccodegen-units=1
triple = $(shell rustc -vV | sed -n 's/^host: //p')
limits := -timeout=10 -rss_limit_mb=2048 -max_len=4096

fuzz: export OMP_NUM_THREADS := 1
fuzz: setup ## Feed what reads files with noise, FUZZ seconds (60) each: make fuzz FUZZ=600
	@RUSTFLAGS='$(covered)' CARGO_TARGET_DIR=$(target)/fuzz \
		$(CARGO) build --manifest-path tests/fuzz/Cargo.toml --target $(triple)
	@for name in $(fuzzers); do \
		mkdir -p $(target)/fuzz/corpus/$$name && \
		LD_LIBRARY_PATH=.torch/torch/lib $(target)/fuzz/$(triple)/debug/$$name $(limits) -max_total_time=$(FUZZ) \
			-artifact_prefix=$(target)/fuzz/$$name- $(target)/fuzz/corpus/$$name tests/fuzz/seeds/$$name || exit 1; \
	done

# dist/picklock-<version>-<arch>/ is for machines that have no cargo: bin/picklock, and share/picklock beside it, which
# picklock finds by itself. libtorch is not in it. The binary looks for torch/lib in the folder that it was linked
# against, then in ../../.torch and ../../../.torch as seen from bin/. So on another machine, either link that machine's
# site-packages (with torch 2.11) as .torch beside the unpacked folder, or set LD_LIBRARY_PATH to its torch/lib.
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p;/^version/q' Cargo.toml)
dist := dist/picklock-$(version)-$(shell uname -m)
new := $(dist).partial
share := $(new)/share/picklock
library = libpicklock_$(subst -,_,$1).so

dist: setup ## Write dist/picklock-<version>-<arch>/ for machines without cargo
	@$(CARGO) build --workspace
	@rm -rf $(new)
	@install -d $(new)/bin $(share)/plugins $(share)/hypotheses $(share)/organisms
	@install -m 755 $(built)/picklock $(new)/bin/
	@install -m 644 $(foreach p,$(plugins),$(built)/$(call library,$p)) $(share)/plugins/
	@install -m 644 hypotheses/*.toml $(share)/hypotheses/
	@install -m 644 host/organisms/*.toml $(share)/organisms/
	@$(STRIP) $(new)/bin/picklock $(share)/plugins/*.so
	@cd $(new) && bin/picklock plugins trust --plugins share/picklock share/picklock/plugins/*.so
	@rm -rf $(dist) && mv $(new) $(dist)
	@echo 'dist: $(dist)'
