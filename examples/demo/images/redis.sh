#!/bin/sh
# Debian's Redis with the variables and paths of quay.io/sclorg/redis-*.
set -eu
exec redis-server --dir /var/lib/redis/data --requirepass "$REDIS_PASSWORD" "$@"
