#!/usr/bin/env bash
# Runs tests of tests/it with an operator that works only in a few namespaces (tests/it/few_namespaces.rs). Each group
# has its own control plane, because the chart accepts at most 50 namespaces. Skipped are tests that register a
# cluster-wide broker or delete their namespace.
set -eu
cd "$(dirname "$0")/.."

group() {
  IT_FEW_NAMESPACES="$mode" cargo test --locked --test it -- "$@" \
    --skip a_class_that_two_brokers_offer --skip a_namespace_goes --skip a_terminating_namespace
}

mode=no-restarts
group instances::failures instances::deletion
group instances:: --skip instances::failures --skip instances::deletion
group bindings::
group outages:: leader:: budget::
group corrupt_answers::
# Without restarts, an operator has nothing to do here.
mode=restarts
group restarts::
group injection::
