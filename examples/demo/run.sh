#!/usr/bin/env bash
# The demo: from nothing to an application that uses a database it has been given, and back to nothing.
# With KEEP=1 it stops before the way back and leaves everything running until Ctrl-C.
set -eu
cd "$(dirname "$0")/../.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && unshare --mount --net --pid --fork true 2>/dev/null; then
  examples/demo/prepare.sh pods
  IMAGES=target/demo/images exec tests/cluster/sandbox.sh target/demo/cluster examples/demo/story.sh pods
else
  echo "Pods need root on Debian, and the right to make namespaces. Without, this is a real control plane, but no pod runs:"
  echo "operator, broker and PostgreSQL are processes of this machine, and the application is admitted but never started."
  examples/demo/prepare.sh processes
  exec tests/cluster/controlplane.sh target/demo/cluster examples/demo/story.sh processes
fi
