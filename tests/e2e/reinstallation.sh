# shellcheck shell=bash
# Sourced by inside.sh: what users have made outlives the installation, and the next one goes on with it.

section "Reinstallation"
kubectl create namespace reinstallation >/dev/null
kubectl config set-context --current --namespace reinstallation >/dev/null
kubectl apply -f examples/broker.yaml -f examples/instance.yaml -f examples/binding.yaml -f examples/default-plan.yaml >/dev/null
check "there is something to keep" ready serviceinstance/default-plan servicebinding/guestbook-db

check "helm uninstall" helm uninstall service-catalog --namespace service-catalog --wait
check "the definitions are still there" says serviceinstances kubectl get crd --selector svcat=true
check "the objects are still there, and the Secret" kubectl get \
  clusterservicebroker/postgresql serviceinstance/guestbook-db servicebinding/guestbook-db secret/guestbook-db
check "nothing has been deprovisioned" nothing_is_orphaned
kubectl delete --wait=false serviceinstance/default-plan >/dev/null
kubectl apply -f examples/asynchronous.yaml >/dev/null

check "helm install" helm install service-catalog charts/service-catalog --namespace service-catalog --wait \
  --set image.repository=localhost/service-catalog,image.tag=demo
check "what was deleted meanwhile goes" gone serviceinstance/default-plan
check "what was created meanwhile becomes ready" ready serviceinstance/asynchronous
check "all goes" kubectl delete --timeout=90s servicebindings,serviceinstances,clusterservicebrokers --all
check "nothing is left at the broker" nothing_is_orphaned
