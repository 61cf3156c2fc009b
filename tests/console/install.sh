#!/usr/bin/env bash
# install.sh: installs what the journeys need: Chromium, Node.js and, by the lock file, the driver.
set -eu
cd "$(dirname "$0")"
../../hack/require.sh chromium node=nodejs npm
installed=node_modules/.package-lock.json
[ $installed -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund --silent
