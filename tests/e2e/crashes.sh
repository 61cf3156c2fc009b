# shellcheck shell=bash
# Sourced by inside.sh: whenever the operator is killed, the end is the same as without that.

section "kill -9"
kubectl create namespace crashes >/dev/null
kubectl config set-context --current --namespace crashes >/dev/null
manifests=(--filename=examples/{instance,asynchronous,parameters-from-secret,binding,secret-transforms,deployment}.yaml)

everything_works() {
  ready clusterservicebroker/postgresql && ready serviceinstances --all && ready servicebindings --all &&
    kubectl rollout status --timeout=90s deployment/guestbook && nothing_is_orphaned
}
everything_is_gone() {
  gone servicebindings,serviceinstances --all && gone clusterservicebroker/postgresql && nothing_is_orphaned
}

# Seconds after the first request. Everything takes three or four seconds because of the asynchronous plan.
for moment in 0.1 0.3 0.6 1 1.5 3; do
  kubectl apply -f examples/broker.yaml "${manifests[@]}" >/dev/null &
  sleep "$moment"
  kill_operator
  wait
  check "killed after $moment s of creating everything" everything_works
  { kubectl delete --wait=false "${manifests[@]}"; kubectl delete --wait=false clusterservicebroker/postgresql; } >/dev/null &
  sleep "$moment"
  kill_operator
  wait
  check "killed after $moment s of deleting everything" everything_is_gone
done
