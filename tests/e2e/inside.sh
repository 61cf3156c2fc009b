#!/usr/bin/env bash
# run.sh runs this in the cluster: the demo, which leaves operator and broker running, and then the tests one by one.
# The last line has the numbers of passed and failed checks.
set -u
cd "$(dirname "$0")/../.."
source tests/e2e/lib.sh

section "The demo"
check "the demo succeeds" examples/demo/story.sh pods

[ $# -gt 0 ] || set -- templates console walkthrough examples tour rotation crashes reinstallation
for part; do
  # shellcheck source=/dev/null
  source "tests/e2e/$part.sh"
done

[ $failed = 0 ] || diagnose >"$HOME/log/diagnosis"
echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
