#!/usr/bin/env bash
# check-upgrade.sh STEP: verifies a step of docs/upgrade.md, and fails with what is wrong. STEP is backup FILE, stopped,
# definitions, installed or removed. RELEASE and NAMESPACE are those of the old release (both: catalog).
set -eu
release=${RELEASE:-catalog} namespace=${NAMESPACE:-catalog}
kinds=clusterservicebrokers,servicebrokers,serviceinstances,servicebindings

fail() {
  echo "check-upgrade: $*" >&2
  exit 1
}

# Fails if these objects exist.
gone() {
  left=$(kubectl get --ignore-not-found --output name "$@")
  [ -z "$left" ] || fail "still there: ${left//$'\n'/ }"
}

cluster_id() {
  kubectl get configmap cluster-info --namespace "$namespace" --output 'jsonpath={.data.id}'
}

case ${1:-} in
backup)
  [ -s "${2:?the file of the backup}" ] || fail "$2 is empty"
  id=$(cluster_id) || id=
  [ -n "$id" ] || fail "the ConfigMap cluster-info of namespace $namespace has no id: is it the" \
    "namespace of service-catalog? Without the id, brokers would take this for another cluster"
  grep -q "^ *id: ['\"]\?${id}['\"]\?\$" "$2" || fail "$2 lacks the cluster id $id"
  for kind in ${kinds//,/ }; do
    for uid in $(kubectl get "$kind" --all-namespaces --output 'jsonpath={.items[*].metadata.uid}'); do
      grep -q "^ *uid: $uid\$" "$2" || fail "$2 lacks one of the $kind, with the uid $uid"
    done
  done
  ;;
stopped)
  for _ in {1..60}; do
    [ -n "$(kubectl get pods --namespace "$namespace" --selector "release=$release" --output name)" ] || break
    sleep 2
  done
  gone pods --namespace "$namespace" --selector "release=$release"
  gone "mutatingwebhookconfiguration/$release-catalog-webhook"
  gone "validatingwebhookconfiguration/$release-catalog-validating-webhook"
  ;;
definitions)
  bad=$(kubectl get crd --selector svcat=true --output 'jsonpath={range .items[*]}{.metadata.name} schema={.spec.versions[0].schema.openAPIV3Schema.properties.spec.type} preserve={.spec.preserveUnknownFields}{"\n"}{end}' |
    grep -v -e 'schema=object preserve=$' -e 'schema=object preserve=false$' || true)
  [ -z "$bad" ] || fail "not replaced: $bad"
  ;;
installed)
  new=$(kubectl get deployment --all-namespaces --selector app.kubernetes.io/name=service-catalog \
    --output 'jsonpath={.items[*].spec.template.spec.containers[*].args}')
  id=$(cluster_id)
  [[ "$new" == *"--cluster-id=$id"* ]] || fail "the operator is not installed with the cluster id $id"
  unprotected=$(kubectl get "$kinds" --all-namespaces --output \
    'jsonpath={range .items[*]}{.kind}{" "}{.metadata.namespace}/{.metadata.name}{" "}{.metadata.finalizers}{"\n"}{end}' |
    grep -v kubernetes-incubator/service-catalog || true)
  [ -z "$unprotected" ] || fail "without the finalizer, so a deletion would not reach the broker: $unprotected"
  ;;
removed)
  gone deployment,service,serviceaccount,secret,job --namespace "$namespace" --selector "release=$release"
  gone secret --namespace "$namespace" --selector "owner=helm,name=$release"
  for kind in serviceaccount role rolebinding clusterrole clusterrolebinding; do
    left=$(kubectl get "$kind" --namespace "$namespace" --output name |
      grep -e '/servicecatalog\.k8s\.io:' -e '/service-catalog-controller-manager' -e '/service-catalog-webhook' || true)
    [ -z "$left" ] || fail "still there: ${left//$'\n'/ }"
  done
  ;;
*) fail "which step? backup FILE, stopped, definitions, installed or removed" ;;
esac
echo "check-upgrade: $1 is as it should be"
