#!/usr/bin/env bash
# The demo: from an empty cluster to an application with a database, and back.
# With KEEP=1 it stops before the clean-up and leaves everything running until Ctrl-C.
set -eu
cd "$(dirname "$0")/../.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && unshare --mount --net --pid --fork true 2>/dev/null; then
  examples/demo/prepare.sh pods
  # With KEEP=1, a port of this machine leads to the console.
  IMAGES=target/demo/images exec ${KEEP:+tests/cluster/forward.py listen} tests/cluster/sandbox.sh target/demo/cluster examples/demo/story.sh pods
else
  echo "Pods need root on Debian, and the right to create Linux namespaces. Without them this is a real control plane without"
  echo "pods: operator, broker and PostgreSQL are processes of this machine, and the application is admitted but never started."
  examples/demo/prepare.sh processes
  exec tests/cluster/controlplane.sh target/demo/cluster examples/demo/story.sh processes
fi
