# The commands of this project. `make` alone lists them.

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: requirements ## watch it work: a cluster, a broker, a database, an application; KEEP=1 leaves it running
	@examples/demo/run.sh

test: cluster check ## formatting, lints, unit tests, and integration tests on a real control plane
	cargo test --locked

e2e: requirements ## the whole cluster, with pods; needs root on Debian
	@tests/e2e/run.sh

simulate: export SEEDS ?= 100000
simulate: requirements ## random histories, from SEED (0) on as many as SEEDS; one that fails is printed, made short
	cargo test --locked --profile simulate --lib simulation::in_every -- --nocapture

bench: cluster ## time N instances and bindings (default 500), and pods
	cargo bench --locked --bench bench -- $(N)

# The chart's lint, and whether crds/ is up to date, are among the tests.
check: requirements
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	! command -v shellcheck >/dev/null || shellcheck .ci/run $$(find examples hack tests -name '*.sh')
	! command -v cargo-deny >/dev/null || cargo deny --locked check bans licenses sources

deny: ## licences, duplicates and known vulnerabilities of the dependencies
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --locked check

generate: ## write crds/ anew, from the types
	cargo run --locked -- crds --directory crds

cluster: requirements ## build the Kubernetes that tests and demo run on, once
	tests/cluster/build.sh

requirements:
	@hack/require.sh cc=build-essential curl openssl pgrep=procps python3 setpriv=util-linux postgres=postgresql

.PHONY: help demo test e2e simulate bench check deny generate cluster requirements
