#!/usr/bin/env bash
# The steps of the demo, which run.sh runs inside a cluster: story.sh pods|processes.
set -eu
cd "$(dirname "$0")/../.."
# The caches of kubectl and helm are removed with the cluster.
HOME=$(dirname "$KUBECONFIG")
export HOME

eventually() {
  local deadline=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "never succeeded: $*"; return 1; }
    sleep 0.2
  done
}

# The steps that differ between pods and processes: install, use_redis, start_broker, register_broker, sql,
# show_application, how_to_enter.
# shellcheck source=examples/demo/pods.sh
source "examples/demo/$1.sh"

trap 'echo "The demo failed. The current objects:"; kubectl get svcat,pods,events --all-namespaces' ERR

bold='' plain=''
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'
chapters=0
chapter() { printf '\n%s\n' "$bold$((chapters += 1)). $*$plain"; }
show() { echo "$ $*"; } # a command, as typed in a shell
run() {
  show "$@"
  "$@"
}
ready() { run kubectl wait --for=condition=Ready --timeout=90s "$@"; }
# The broker's databases and roles in PostgreSQL, without osb_shared, which belongs to no instance.
made() {
  sql "SELECT 'database' AS kind, datname AS name FROM pg_database WHERE datname ~ '^osb_.*[0-9]'
    UNION SELECT 'role', rolname FROM pg_roles WHERE rolname ~ '^osb_.*[0-9]' ORDER BY 1, 2"
}

# take_picture URL: what a browser shows there.
take_picture() {
  command -v chromium >/dev/null || { echo "Chromium is not installed, so there is no picture of it."; return; }
  local flags=(--headless --hide-scrollbars "--window-size=1280,900")
  [ "$(id -u)" != 0 ] || flags+=(--no-sandbox)
  chromium "${flags[@]}" --user-data-dir="$HOME/chromium" --screenshot="$HOME/console.png" "$1" >"$HOME/log/chromium" 2>&1
  echo "Chromium has taken a picture of its catalog: ${HOME#"$PWD/"}/console.png"
}

show_redis() {
  run kubectl get deployments,pods,services,networkpolicies,persistentvolumeclaims --selector app.kubernetes.io/instance=visits
}

chapter "A Kubernetes cluster, and the service catalog in it"
run kubectl version
install

chapter "The catalog: services that the template broker of the chart runs in the cluster itself"
eventually kubectl get clusterservicebroker/template-service-broker
ready clusterservicebroker/template-service-broker
run kubectl get clusterserviceclasses

chapter "An application team orders a Redis: a ServiceInstance"
# For some seconds the API server serves the new kinds but rejects their objects, until its policies have discovered
# them.
eventually kubectl apply --dry-run=server -f examples/redis
run kubectl apply -f examples/redis/instance.yaml
use_redis

chapter "It deletes everything: binding, application, and the Redis with its data"
run kubectl delete --ignore-not-found -f examples/redis
show_redis
run kubectl get serviceinstances,servicebindings,secrets

chapter "For broker authors: a PostgreSQL server of the platform team, and a service broker for it"
start_broker

chapter "The platform team registers the broker: its catalog becomes classes and plans"
register_broker
ready clusterservicebroker/postgresql
run kubectl get clusterservicebrokers
run kubectl get clusterserviceclasses,clusterserviceplans --field-selector spec.clusterServiceBrokerName=postgresql

chapter "An application team requests a database: a ServiceInstance"
run kubectl apply -f examples/instance.yaml
ready serviceinstance/guestbook-db
run kubectl get serviceinstances

chapter "… and for credentials: a ServiceBinding"
run kubectl apply -f examples/binding.yaml
ready servicebinding/guestbook-db
run kubectl get servicebindings
run kubectl describe secret guestbook-db
echo
echo "The broker has created in PostgreSQL:"
made

chapter "The application's pod gets the credentials, because the binding selects its label"
run kubectl apply -f examples/deployment.yaml
show_application

chapter "The same in the web console"
show service-catalog console
target/debug/service-catalog console --no-browser >"$HOME/log/own-console" 2>&1 &
own_console=$!
eventually grep http:// "$HOME/log/own-console"
take_picture "$(grep --only-matching 'http://[^ ]*' "$HOME/log/own-console")"
kill $own_console

if [ -n "${KEEP-}" ]; then
  printf '\n%s\n' "${bold}Everything keeps running until Ctrl-C. From another terminal, for example:$plain"
  how_to_enter
  # In the background, because the shell handles signals only while it waits.
  sleep infinity &
  wait
fi

chapter "Clean-up: everything is deleted"
run kubectl delete -f examples/deployment.yaml -f examples/binding.yaml -f examples/instance.yaml
run kubectl delete -f examples/broker.yaml
run kubectl get clusterservicebrokers
run kubectl get serviceinstances,servicebindings,secrets
echo
echo "The broker's databases and roles in PostgreSQL are gone:"
made
