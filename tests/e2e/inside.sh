#!/usr/bin/env bash
# What run.sh runs in the cluster: the demo, which leaves operator and broker behind, and the tests one after the other.
# The last line says how many checks passed and failed.
set -u
cd "$(dirname "$0")/../.."
source tests/e2e/lib.sh

section "The demo"
check "the demo comes to its end" examples/demo/story.sh pods

[ $# -gt 0 ] || set -- walkthrough examples tour rotation crashes reinstallation
for part; do
  # shellcheck source=/dev/null
  source "tests/e2e/$part.sh"
done

[ $failed = 0 ] || diagnose >"$HOME/log/diagnosis"
echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
