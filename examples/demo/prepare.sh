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
  --file "$lib/plpgsql.so:$lib/plpgsql.so" --file "$lib/dict_snowball.so:$lib/dict_snowball.so" \
  --file examples/demo/images/postgresql.sh:/run.sh --entrypoint '["/run.sh"]' \
  --file examples/demo/images/check-postgresql.sh:/usr/libexec/check-container

# The other services of the built-in templates for which Debian has packages.
packages=target/demo/packages
tests/cluster/unpack.sh $packages redis-tools libjemalloc2 liblzf1 \
  mariadb-{server-core,client,client-core} libaio1 liburing2 rabbitmq-server amqp-tools librabbitmq4 libpopt0 \
  erlang-{asn1,base,crypto,eldap,inets,mnesia,os-mon,parsetools,public-key,runtime-tools,ssl,syntax-tools,tools,xmerl}
server() { # NAME ARGUMENT…: with its entry point; the clients are for tests
  [ -z "$(find tests/cluster/image.py examples/demo "target/demo/images/$1-server.tar" -newer "target/demo/images/$1-server.tar" 2>&1)" ] ||
    image "localhost/$1-server:demo" --busybox --root $packages --file "examples/demo/images/$1.sh:/run.sh" "${@:2}"
}
# Redis is one program, which looks at its name.
server redis --entrypoint '["/bin/env"]' --file examples/demo/images/redis.sh:/bin/run-redis \
  --binary $packages/usr/bin/redis-check-rdb:/bin/redis-server --binary $packages/usr/bin/redis-cli:/bin/redis-cli
server mariadb --entrypoint '["/run.sh"]' --file $packages/usr/share/mysql:/usr/share/mysql \
  --binary $packages/usr/sbin/mariadbd:/bin/mariadbd --binary $packages/usr/bin/mariadb-admin:/bin/mysqladmin \
  --binary $packages/usr/bin/mariadb:/bin/mariadb
# Erlang is many programs and libraries below one directory, where it looks for them.
directory=/usr/lib/erlang
mapfile -t binaries < <(find $packages$directory -type f \( -name '*.so' -o -path '*/erts-*/bin/*' \) -printf "--binary=%p:$directory/%P\n")
server rabbitmq --entrypoint '["/run.sh"]' --file $packages$directory:$directory "${binaries[@]}" \
  --file $packages/usr/lib/rabbitmq/lib:/usr/lib/rabbitmq/lib \
  --binary $packages/usr/bin/amqp-declare-queue:/bin/amqp-declare-queue \
  --binary $packages/usr/bin/amqp-publish:/bin/amqp-publish --binary $packages/usr/bin/amqp-get:/bin/amqp-get

# The images of the example applications under their public names, reduced to the shell and the client that they use.
image docker.io/library/postgres:17 --busybox --binary "$bin/psql:/bin/psql"
image docker.io/library/redis:7 --busybox --root $packages --binary $packages/usr/bin/redis-cli:/bin/redis-cli
