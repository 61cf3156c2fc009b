#!/bin/sh
# Succeeds if the server answers a query of the user.
export PGPASSWORD="$POSTGRESQL_PASSWORD"
exec psql -h 127.0.0.1 -U "$POSTGRESQL_USER" -d "$POSTGRESQL_DATABASE" -q -A -t -c 'SELECT 1'
