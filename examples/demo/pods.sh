# shellcheck shell=bash
# Sourced by story.sh and the end-to-end tests: everything is a pod.

install() {
  run helm install service-catalog charts/service-catalog --namespace service-catalog --create-namespace --wait \
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
  run kubectl exec deployment/guestbook -- sh -c 'echo $SERVICE_BINDING_ROOT/*/*'
  run kubectl logs deployment/guestbook
}
