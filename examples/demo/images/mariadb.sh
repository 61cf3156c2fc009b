#!/bin/sh
# Debian's MariaDB with the variables and paths of quay.io/sclorg/mariadb-* and mysql-*.
set -eu
data=/var/lib/mysql/data
server() { exec mariadbd --no-defaults --datadir=$data --socket=/tmp/mysql.sock --pid-file=/tmp/mysql.pid "$@"; }

# The last file says that the others are complete: a pod may end at any moment.
if [ ! -e $data/complete ]; then
  rm -rf "${data:?}"/*
  cd /usr/share/mysql
  (
    printf '%s\n' "CREATE DATABASE mysql;" "USE mysql;" "SET @auth_root_socket = 'root';"
    cat mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql
  ) | (server --bootstrap --skip-networking)
  touch $data/complete
fi
# The server runs these before it accepts connections.
cat >/tmp/init.sql <<END
CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;
CREATE USER IF NOT EXISTS \`$MYSQL_USER\`@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO \`$MYSQL_USER\`@'%';
END
server --init-file=/tmp/init.sql --bind-address='*' --skip-name-resolve --max-connections="$MYSQL_MAX_CONNECTIONS"
