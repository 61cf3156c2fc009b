#!/usr/bin/env bash
# sandbox.sh DIR COMMAND…: runs COMMAND in its own whole Kubernetes cluster, with a node and real pods.
# sandbox.sh --enter DIR COMMAND…: runs COMMAND in the cluster that is running in DIR.
#
# The cluster runs in its own mount, network and process namespaces, so that nothing outlives the command, and only DIR
# is visible outside. It has no network to the outside: everything that it needs must be on the machine already. Needs
# root and what prepare.sh prepares. IMAGES=a directory: every *.tar in it is imported before the command runs.
set -eu
if [ $# -lt 2 ] || { [ "$1" = --enter ] && [ $# -lt 3 ]; }; then
  sed -n '2,3s/^# //p' "$0" >&2
  exit 2
fi
node=$(dirname "$(realpath "$0")")/node.sh

if [ "$1" = --enter ]; then
  DIR=$(realpath "$2")
  shift 2
  source "$(dirname "$node")/lib.sh"
  exec nsenter --target "$(cat "$DIR/pid")" --mount --net --pid --wd="$PWD" "$@"
fi

mkdir -p -m 700 "$1"
DIR=$(realpath "$1")
shift
[ "$(id -u)" = 0 ] || { echo "a cluster with pods needs root" >&2; exit 1; }
case $DIR/ in /run/* | /var/lib/* | /etc/*) echo "$DIR: these places are replaced inside the sandbox" >&2; exit 1 ;; esac
exec 9>"$DIR/lock"
flock -n 9 || { echo "$DIR is in use by another cluster" >&2; exit 1; }

# Two kubelets must not share a cgroup: each removes the pods it does not know. cgroup v1 has one tree a controller.
cgroup=service-catalog-$$
mapfile -t trees < <(findmnt -rn -t cgroup,cgroup2 -o TARGET)

# A signal becomes an exit, so that there is one way out.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap stop EXIT
stop() {
  set +e
  # unshare ignores all other signals, and kills its child with it: process 1 of the sandbox, which ends last.
  init=$(pgrep --parent "${sandbox-}")
  kill -KILL "${sandbox-}"
  wait "${sandbox-}"
  tail --pid="$init" --sleep-interval=0.1 -f /dev/null
  rm -f "$DIR/pid"
  # Cgroups become empty a moment later.
  for _ in $(seq 100); do
    for tree in "${trees[@]}"; do find "$tree/$cgroup" -depth -type d -exec rmdir {} +; done
    [ -z "$(find "${trees[@]}" -maxdepth 1 -name "$cgroup")" ] && break
    sleep 0.1
  done
} 2>/dev/null

for tree in "${trees[@]}"; do mkdir "$tree/$cgroup"; done

# In the background, because the shell handles signals only while it waits; but with the terminal and its Ctrl-C.
export DIR CGROUP=$cgroup IMAGES=${IMAGES:+$(realpath "$IMAGES")}
(trap - INT QUIT; exec setpriv --pdeathsig KILL \
  unshare --mount --propagation private --net --pid --fork --kill-child "$node" "$@") <&0 9>&- &
sandbox=$!
wait "$sandbox"
