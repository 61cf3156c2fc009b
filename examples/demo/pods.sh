# shellcheck shell=bash
# Sourced by story.sh: operator, brokers, services and applications run in pods.

install() {
  run helm install service-catalog charts/service-catalog --namespace service-catalog --create-namespace --wait --hide-notes \
    --values examples/demo/values.yaml
}

use_redis() {
  ready serviceinstance/visits
  run kubectl get serviceinstances
  show_redis

  chapter "Its application gets the credentials, with a ServiceBinding that selects its pods"
  run kubectl apply -f examples/redis/binding.yaml
  ready servicebinding/visits
  run kubectl describe secret visits
  run kubectl apply -f examples/redis/deployment.yaml
  run kubectl rollout status --timeout=90s deployment/counter
  eventually has_counted 0
  run kubectl logs deployment/counter --tail=2

  chapter "The team edits the instance: more memory, and the data is kept"
  patch='{"spec": {"parameters": {"MEMORY_LIMIT": "512Mi"}}}'
  show "kubectl patch serviceinstance visits --type merge --patch '$patch'"
  kubectl patch serviceinstance visits --type merge --patch "$patch"
  run kubectl wait --for=jsonpath=.status.externalProperties.parameters.MEMORY_LIMIT=512Mi --timeout=90s serviceinstance/visits
  run kubectl get pods --selector app.kubernetes.io/instance=visits --output \
    custom-columns=POD:.metadata.name,MEMORY:.spec.containers[0].resources.limits.memory,STARTED:.status.startTime
  # Asked of the server itself: the application may wait for a connection to the former pod for a while.
  local get='redis-cli --no-auth-warning -a "$REDIS_PASSWORD" GET visits' kept
  show "kubectl exec deployment/visits -- sh -c '$get'"
  kept=$(kubectl exec deployment/visits -- sh -c "$get")
  echo "$kept"
  [ "$kept" -ge 1 ]
}

visits() { kubectl logs deployment/counter | sed -n 's/^visit \([0-9]*\)$/\1/p' | tail -1; }
# has_counted VISITS: whether there were more.
has_counted() { [ "$(visits)" -gt "$1" ]; }

start_broker() {
  run kubectl apply -f examples/demo/postgresql.yaml
  run kubectl rollout status --namespace postgresql-broker --timeout=90s deployment/postgresql-broker
}

register_broker() {
  run kubectl apply -f examples/broker.yaml
}

sql() {
  kubectl exec --namespace postgresql-broker deployment/postgresql -- psql -h /tmp -U postgres -c "$1"
}

show_application() {
  run kubectl rollout status --timeout=90s deployment/guestbook
  run kubectl exec deployment/guestbook -- ls /bindings/guestbook-db
  eventually has_logged
  run kubectl logs deployment/guestbook
}

has_logged() { kubectl logs deployment/guestbook | grep -q row; }

how_to_enter() {
  local name=service-catalog-console
  kubectl create serviceaccount developer >/dev/null
  kubectl create rolebinding developer --clusterrole edit --serviceaccount default:developer >/dev/null
  kubectl create clusterrolebinding developer --clusterrole service-catalog-catalog-reader --serviceaccount default:developer >/dev/null
  tests/cluster/forward.py to "$(kubectl get service $name --namespace service-catalog --output 'jsonpath={.spec.clusterIP}')" 80 &
  echo "  The web console: http://localhost:$FORWARDED_PORT; log in with the token of the user developer:"
  echo "  $(kubectl create token developer --duration 24h)"
  echo "  tests/cluster/sandbox.sh --enter target/demo/cluster kubectl get pods --all-namespaces"
}
