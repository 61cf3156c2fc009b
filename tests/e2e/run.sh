#!/usr/bin/env bash
# The end-to-end tests: a whole cluster, the chart, real pods, a real PostgreSQL. Needs root on Debian.
# run.sh [templates|console|walkthrough|examples|tour|rotation|crashes|reinstallation]…: runs these parts, by default all.
set -eu
cd "$(dirname "$0")/../.."
examples/demo/prepare.sh pods
case " ${*:-console} " in *" console "*) tests/console/install.sh ;; esac
IMAGES=target/demo/images exec tests/cluster/sandbox.sh target/e2e tests/e2e/inside.sh "$@"
