#!/usr/bin/env bash
# require.sh COMMAND[=PACKAGE]…: makes sure that these commands exist. As root on Debian, it installs missing packages
# (by default named like the command); otherwise it prints their names.
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)
missing=()
for command; do
  command -v "${command%=*}" >/dev/null || missing+=("${command#*=}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "please install these packages (Debian's names): ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
# Debian's PostgreSQL would start a server for the whole machine; only its programs are needed.
[[ " ${missing[*]} " != *" postgresql "* ]] || [ -e /etc/postgresql-common/createcluster.conf ] || {
  mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
}
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
