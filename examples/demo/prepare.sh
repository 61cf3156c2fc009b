#!/usr/bin/env bash
# prepare.sh pods|processes: builds the programs of the demo and of the end-to-end tests and, for pods, their images in
# target/demo/images. Existing builds are reused.
set -eu
cd "$(dirname "$0")/../.."

if [ "$1" = pods ]; then tests/cluster/prepare.sh; else tests/cluster/build.sh; fi
[ -x target/debug/service-catalog ] || echo "building the operator and the broker: about 3 minutes on two cores the first time"
cargo build --locked --quiet --bin service-catalog --example postgresql-broker
[ "$1" = pods ] || exit 0
cargo build --locked --quiet --example sample-broker

image() { # NAME ARGUMENT…
  tests/cluster/image.py "target/demo/images/$(basename "${1%:*}").tar" --name "$@"
}
mkdir -p target/demo/images
image localhost/service-catalog:demo --binary target/debug/service-catalog --entrypoint '["/service-catalog"]' \
  --file /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt
image localhost/postgresql-broker:demo --binary target/debug/examples/postgresql-broker --entrypoint '["/postgresql-broker"]'
image localhost/sample-broker:demo --binary target/debug/examples/sample-broker --entrypoint '["/sample-broker"]'

# The server finds its libraries and data only at Debian's paths.
version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -1)
bin=/usr/lib/postgresql/$version/bin lib=/usr/lib/postgresql/$version/lib share=/usr/share/postgresql/$version
image localhost/postgresql:demo --busybox --binary "$bin/psql:/bin/psql" \
  --binary "$bin/initdb:$bin/initdb" --binary "$bin/postgres:$bin/postgres" --file "$share:$share" \
  --file "$lib/plpgsql.so:$lib/plpgsql.so" --file "$lib/dict_snowball.so:$lib/dict_snowball.so"
# The example application's image under its public name, reduced to the shell and the client that it uses.
image docker.io/library/postgres:17 --busybox --binary "$bin/psql:/bin/psql"
