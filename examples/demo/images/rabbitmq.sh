#!/bin/sh
# Debian's RabbitMQ with the variables and paths of docker.io/library/rabbitmq.
set -eu
export HOME=/var/lib/rabbitmq RABBITMQ_LOGS=- RABBITMQ_LOG_BASE=/tmp RABBITMQ_PID_FILE=/tmp/rabbitmq.pid
PATH=$PATH:/usr/lib/erlang/bin
exec /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server
