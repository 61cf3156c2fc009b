#!/usr/bin/env bash
# What run.sh runs in the cluster: all tests, one after the other. The last line says how many checks passed and failed.
set -u
cd "$(dirname "$0")/../.."
source tests/e2e/lib.sh

section "The demo"
check "the demo comes to its end" examples/demo/story.sh pods

source tests/e2e/walkthrough.sh
source tests/e2e/examples.sh
source tests/e2e/crashes.sh
source tests/e2e/reinstallation.sh

[ $failed = 0 ] || diagnose >"$HOME/log/diagnosis"
echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
