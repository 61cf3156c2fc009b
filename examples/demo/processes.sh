# shellcheck shell=bash
# Sourced by story.sh: a control plane without nodes. Processes take the place of pods, and end with the story.

ports=()
for _ in 1 2 3 4; do
  ports+=("$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')")
done
database_url=postgresql://postgres:another-example@127.0.0.1:${ports[0]}/postgres
broker_url=http://127.0.0.1:${ports[1]}
PATH=$PATH:$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)

data=$(mktemp -d)
echo another-example >"$data/password"
# After a Ctrl-C the cluster that shuts down sends a SIGTERM, too.
trap 'trap "" INT TERM; kill $(jobs -p); wait; rm -rf "$data"' EXIT
# PostgreSQL refuses to run as root.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
  unprivileged=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  chown 65534:65534 "$data"
fi
process() { # NAME COMMAND…, with its log beside those of the cluster
  local name=$1
  shift
  setpriv --pdeathsig KILL "$@" >"$HOME/log/$name" 2>&1 &
}
install() {
  run helm install service-catalog charts/service-catalog --namespace service-catalog --create-namespace --hide-notes \
    --set replicas=0,templateBroker.replicas=0,console.replicas=0
  show "service-catalog run --listen 127.0.0.1:${ports[2]} &"
  act_as service-catalog
  process service-catalog env KUBECONFIG="$HOME/service-catalog" \
    target/debug/service-catalog run --listen "127.0.0.1:${ports[2]}"
  eventually curl -sf "http://127.0.0.1:${ports[2]}/readyz"
  show "service-catalog template-broker --listen 127.0.0.1:${ports[3]} &"
  local name=service-catalog-template-broker
  act_as $name
  kubectl get configmap $name-images --namespace service-catalog --output 'jsonpath={.data.images\.yaml}' >"$HOME/images.yaml"
  process $name env KUBECONFIG="$HOME/$name" target/debug/service-catalog template-broker \
    --listen "127.0.0.1:${ports[3]}" --public-url "https://localhost:${ports[3]}" \
    --templates charts/service-catalog/files/templates --images "$HOME/images.yaml" \
    --administrators system:serviceaccount:service-catalog:$name-administrators \
    --cleanup system:serviceaccount:service-catalog:$name-cleanup
  eventually curl -sfk "https://127.0.0.1:${ports[3]}/readyz"
}

# act_as NAME: a kubeconfig with the rights that the pod of this ServiceAccount would have.
act_as() {
  kubectl config view --raw >"$HOME/$1"
  kubectl config --kubeconfig "$HOME/$1" set-credentials admin >/dev/null \
    --token "$(kubectl create token "$1" --namespace service-catalog --duration 24h)"
}

use_redis() {
  eventually names_what_it_waits_for
  run kubectl get serviceinstances --output wide
  show_redis
  echo
  echo "No pod runs here, so the Redis does not become ready, and there is nothing to bind."
}

names_what_it_waits_for() { kubectl get serviceinstances --output wide | grep -q Deployment; }

start_broker() {
  "${unprivileged[@]}" initdb -D "$data/pg" -U postgres -A scram-sha-256 --pwfile "$data/password" -E UTF8 \
    --no-locale --no-sync >"$HOME/log/initdb"
  show "postgres -p ${ports[0]} &"
  process postgresql "${unprivileged[@]}" postgres -D "$data/pg" -h 127.0.0.1 -p "${ports[0]}" -k '' -F
  show "postgresql-broker --listen 127.0.0.1:${ports[1]} --database-url $database_url &"
  process postgresql-broker target/debug/examples/postgresql-broker --listen "127.0.0.1:${ports[1]}" \
    --database-url "$database_url" --password an-example
  eventually curl -sf "$broker_url/healthz"
  run kubectl create namespace postgresql-broker
}

register_broker() {
  show "sed 's|url: .*|url: $broker_url|' examples/broker.yaml | kubectl apply -f -"
  sed "s|url: .*|url: $broker_url|" examples/broker.yaml | kubectl apply -f -
}

sql() { psql "$database_url" -c "$1"; }

show_application() {
  eventually kubectl wait --for=create pod --selector app=guestbook
  run kubectl get pods --selector app=guestbook --output \
    'custom-columns=POD:.metadata.name,FILES:..mountPath,VARIABLES:..env[*].name'
  echo
  echo "No pod runs here. This is what the application would do with its credentials:"
  local uri
  uri=$(kubectl get secret guestbook-db --output 'jsonpath={.data.uri}' | base64 -d)
  show "psql \"\$DATABASE_URL\" -c 'SELECT current_user, current_database()'"
  psql "$uri" -c "SELECT current_user, current_database()"
}

how_to_enter() {
  echo "  KUBECONFIG=target/demo/cluster/kubeconfig target/cluster/bin/kubectl get serviceinstances,servicebindings"
  echo "  KUBECONFIG=target/demo/cluster/kubeconfig target/debug/service-catalog console"
}
