# shellcheck shell=bash
# Sourced by story.sh: operator, broker, PostgreSQL and the application run in pods.

install() {
  run helm install service-catalog charts/service-catalog --namespace service-catalog --create-namespace --wait --hide-notes \
    --set image.repository=localhost/service-catalog,image.tag=demo
}

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
  echo "  tests/cluster/sandbox.sh --enter target/demo/cluster kubectl get pods --all-namespaces"
}
