#!/usr/bin/env bash
# Prepares sandbox.sh: the binaries of build.sh, a container runtime, and the images that every cluster needs.
# Installs missing Debian packages if it runs as root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
built=$(cd "$here/../.." && pwd)/target/cluster
KUBEBUILDER_ASSETS='' "$here/build.sh" # only this build has all components of a node

packages=(runc busybox-static containernetworking-plugins iproute2 iptables util-linux openssl python3)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "a cluster with pods needs root on Debian, and of its packages: ${missing[*]}" >&2
    exit 1
  fi
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
fi
"$here/unpack.sh" "$built/node" containerd

# pause keeps the namespaces of a pod open; containerd is configured with this name.
mkdir -p "$built/images"
"$here/image.py" "$built/images/pause.tar" --name localhost/pause:1 --busybox --entrypoint '["/bin/sleep", "2147483647"]'
"$here/image.py" "$built/images/busybox.tar" --name localhost/busybox:1 --busybox --entrypoint '["/bin/sh"]'
