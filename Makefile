# The commands of this project. `make` alone lists them.

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: requirements ## run a cluster, a broker, a database and an application; KEEP=1 keeps them running
	@examples/demo/run.sh

test: cluster check ## run formatting, lints, unit tests, and integration tests on a real control plane
	cargo test --locked

reduced: cluster ## run the integration tests of instances, bindings and brokers with an operator of a few namespaces
	hack/reduced.sh

e2e: requirements ## end-to-end tests on a whole cluster with pods; needs root on Debian
	@tests/e2e/run.sh

journeys: ## drive the console at CONSOLE_URL in Chromium; tests/console/prepare.sh prints the other variables
	tests/console/install.sh
	node tests/console/run.mjs

screenshots: ## take the pictures of docs/images with the console at CONSOLE_URL
	tests/console/install.sh
	node tests/console/screenshots.mjs docs/images

simulate: export SEEDS ?= 100000
simulate: requirements ## run SEEDS random histories from SEED (0) on; prints the shortest version of one that fails
	cargo test --locked --profile simulate --lib simulation::in_every -- --nocapture

fuzz: export FUZZ_SECONDS ?= 7200
fuzz: export FUZZ_SEED ?= $(shell date +%s%N)
fuzz: requirements ## try random inputs for FUZZ_SECONDS (7200); prints the simplest one that breaks a property
	RUST_BACKTRACE=0 cargo test --locked --profile simulate --lib fuzz::no_input -- --nocapture

bench: cluster ## time N instances and bindings (default 500), catalogs, pods, and a hostile tenant; SCALE=10000: growth
	cargo bench --locked --bench bench -- $(if $(SCALE),--scale $(SCALE),$(N))

# The tests also lint the chart, and check that crds/ is up to date.
check: requirements
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	! command -v shellcheck >/dev/null || shellcheck .ci/run $$(find examples hack tests -name node_modules -prune -o -name '*.sh' -print)
	! command -v cargo-deny >/dev/null || cargo deny --locked check bans licenses sources

deny: ## check licences, duplicates and known vulnerabilities of the dependencies
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --locked check

generate: ## regenerate crds/ from the types
	cargo run --locked -- crds --directory crds

cluster: requirements ## build the Kubernetes for tests and demo, once
	tests/cluster/build.sh

requirements:
	@hack/require.sh cc=build-essential curl openssl pgrep=procps python3 setpriv=util-linux postgres=postgresql

.PHONY: help demo test reduced e2e journeys screenshots simulate fuzz bench check deny generate cluster requirements
