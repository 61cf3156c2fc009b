# shellcheck shell=bash
# Sourced by inside.sh: the users' objects outlive an uninstallation, and the next installation continues with them.

section "Reinstallation"
kubectl create namespace reinstallation >/dev/null
kubectl config set-context --current --namespace reinstallation >/dev/null
kubectl apply -f examples/broker.yaml -f examples/instance.yaml -f examples/binding.yaml -f examples/default-plan.yaml >/dev/null
check "there is something to keep" ready serviceinstance/default-plan servicebinding/guestbook-db

check "helm uninstall" helm uninstall service-catalog --namespace service-catalog --wait
check "the CRDs still exist" says serviceinstances kubectl get crd --selector svcat=true
check "the objects and the Secret still exist" kubectl get \
  clusterservicebroker/postgresql serviceinstance/guestbook-db servicebinding/guestbook-db secret/guestbook-db
check "nothing was deprovisioned" nothing_is_orphaned
kubectl delete --wait=false serviceinstance/default-plan >/dev/null
kubectl apply -f examples/asynchronous.yaml >/dev/null

check "helm install" helm install service-catalog charts/service-catalog --namespace service-catalog --wait \
  --values examples/demo/values.yaml
check "an object that was deleted meanwhile is removed" gone serviceinstance/default-plan
check "an object that was created meanwhile becomes ready" ready serviceinstance/asynchronous
check "bindings and instances are removed" kubectl delete --timeout=90s servicebindings,serviceinstances --all
check "the broker is removed" kubectl delete --timeout=90s clusterservicebroker/postgresql
check "nothing is left at the broker" nothing_is_orphaned
