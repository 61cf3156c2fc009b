#!/usr/bin/env bash
# unpack.sh DIR PACKAGE…: unpacks Debian packages into DIR, unless they are there. They are not installed, because many
# start a service. Their dependencies have to be named, too, or be installed.
set -eu
root=$1
shift
missing=()
for package; do
  [ -e "$root/usr/share/doc/$package" ] || [ -L "$root/usr/share/doc/$package" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "a cluster with pods needs root on Debian, and of its packages: ${missing[*]}" >&2
  exit 1
fi
echo "unpacking ${missing[*]}"
archives=$(mktemp -d)
trap 'rm -rf "$archives"' EXIT
apt-get -qq update
(cd "$archives" && apt-get -qq -o APT::Sandbox::User=root download "${missing[@]}")
for archive in "$archives"/*.deb; do dpkg -x "$archive" "$root"; done
