#!/usr/bin/env bash
# Builds etcd, Kubernetes, kubectl and helm from their Go modules into target/cluster/bin, unless they are there.
set -eu
# Whoever brings a control plane needs none built.
if [ -x "${KUBEBUILDER_ASSETS-}/kube-apiserver" ] && [ -x "$KUBEBUILDER_ASSETS/etcd" ]; then exit 0; fi
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/target/cluster/bin
names='etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl helm cluster-dns'

inputs=$(cat go.mod go.sum ./*.go build.sh | sha256sum)
[ "$(cat "$bin/inputs" 2>/dev/null)" != "$inputs" ] || exit 0

if ! { command -v go && printf '%s\n' go1.26 "$(go env GOVERSION)" | sort -V -C; } >/dev/null 2>&1; then
  echo "Go 1.26 or newer is needed to build the cluster: https://go.dev/dl" >&2
  exit 1
fi
echo "building Kubernetes: about 10 minutes on two cores the first time, one or two after a change"

# Without these every component calls itself v0.0.0, and clients take that for an old server.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
variable=k8s.io/component-base/version
CGO_ENABLED=0 go build -trimpath -o "$bin/cluster" -ldflags "-s -w -X $variable.gitVersion=$version
  -X $variable.gitMajor=$major -X $variable.gitMinor=$minor" .
for name in $names; do ln -sf cluster "$bin/$name"; done
echo "$inputs" >"$bin/inputs"
