#!/usr/bin/env bash
# controlplane.sh DIR COMMAND…: runs COMMAND beside a Kubernetes control plane of its own: etcd, API server and
# controller manager. Needs no root. Everything ends with the command; logs and KUBECONFIG stay in DIR.
set -eu
if [ $# -lt 2 ]; then
  sed -n '2,3s/^# //p' "$0" >&2
  exit 2
fi
mkdir -p -m 700 "$1"
DIR=$(realpath "$1")
shift
source "$(dirname "$0")/lib.sh"

exec 9>"$DIR/lock"
flock -n 9 || { echo "$DIR is in use by another cluster" >&2; exit 1; }
rm -rf "${DIR:?}"/{etcd,log}
mkdir "$DIR/log"

# A signal becomes an exit, so that there is one way out. The command gets SIGTERM; the components are disposable.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap stop EXIT
stop() {
  set +e
  if [ -n "${command-}" ]; then
    kill "$command"
    wait "$command"
  fi
  kill -KILL "${!components[@]}"
  wait
} 2>/dev/null

port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
# A Service cannot lead to a loopback address, and without pods none is needed.
start_control_plane 127.0.0.1 "$port" --endpoint-reconciler-type none

# In the background, because the shell handles signals only while it waits; but with the terminal and its Ctrl-C.
(trap - INT QUIT; exec "$@") <&0 9>&- &
command=$!
wait "$command"
