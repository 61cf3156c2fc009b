#!/bin/sh
# Debian's PostgreSQL with the variables and paths of quay.io/sclorg/postgresql-*.
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/pgsql/data/userdata

# It gets its name when it is complete: a pod may end at any moment.
if [ ! -e $data ]; then
  rm -rf $data.new
  initdb -D $data.new -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
  echo "local all all trust
host all all all scram-sha-256" >$data.new/pg_hba.conf
  postgres --single -D $data.new postgres >/dev/null <<END
CREATE ROLE "$POSTGRESQL_USER" LOGIN PASSWORD '$POSTGRESQL_PASSWORD'
CREATE DATABASE "$POSTGRESQL_DATABASE" OWNER "$POSTGRESQL_USER"
END
  mv $data.new $data
fi
exec postgres -D $data -h '*' -k /tmp -c max_connections="$POSTGRESQL_MAX_CONNECTIONS"
