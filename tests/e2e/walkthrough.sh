# shellcheck shell=bash
# Sourced by inside.sh: service-catalog's walkthrough, with a cluster-wide broker and with a namespaced one.

postgresql=cd17e389-fe20-4767-bfe0-33bc6c124f00 small=fec349c1-f63e-4e6f-b4a9-a282e6937edc
schema=829968ff-f190-44af-9c75-a27a2402b2e5 shared=3a1b7156-df3c-4090-a20a-7e492f29e096

# provision_and_delete NAMESPACE SPEC: provisions an instance with this spec, and deletes it again.
provision_and_delete() {
  kubectl apply --namespace "$1" -f - <<END &&
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: passing}
spec: $2
END
    ready --namespace "$1" serviceinstance/passing &&
    kubectl delete --namespace "$1" --timeout=90s serviceinstance/passing
}

# walkthrough KIND PREFIX BROKER: PREFIX begins the names of the fields for classes and plans of this scope.
walkthrough() {
  local kind=$1 prefix=$2 broker=$3 namespace=walkthrough-${1,,}
  local class=${prefix}Class plan=${prefix}Plan
  section "Walkthrough with a $kind"
  kubectl create namespace "$namespace" >/dev/null
  in_namespace() { kubectl --namespace "$namespace" "$@"; }
  wait_ready() { ready --namespace "$namespace" "$@"; }
  wait_gone() { gone --namespace "$namespace" "$@"; }
  register() { in_namespace apply -f - <<<"$broker" && wait_ready "$kind/walkthrough"; }
  type_in_secret() { in_namespace get secret/my-secret --output 'jsonpath={.data.type}' | base64 -d; }

  check "the broker becomes ready" register
  check "the broker's condition has a message" equal "Successfully fetched catalog entries from broker." \
    in_namespace get "$kind/walkthrough" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}'
  check "its classes exist" equal postgresql in_namespace get "$class/$postgresql" --output 'jsonpath={.spec.externalName}'
  check "its plans exist" equal small in_namespace get "$plan/$small" --output 'jsonpath={.spec.externalName}'

  in_namespace apply -f - >/dev/null <<END
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: instance}
spec: {${class}ExternalName: postgresql, ${plan}ExternalName: small, parameters: {connectionLimit: 3}}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBinding
metadata: {name: binding}
spec: {instanceRef: {name: instance}, secretName: my-secret}
END
  check "an instance by external names becomes ready" wait_ready serviceinstance/instance
  check "its references are the ids of class and plan" equal "$postgresql $small" \
    in_namespace get serviceinstance/instance --output "jsonpath={.spec.${class}Ref.name} {.spec.${plan}Ref.name}"
  check "kubectl get shows class, plan and status" says "${class^}/postgresql" in_namespace get serviceinstances
  check "a binding becomes ready" wait_ready servicebinding/binding
  check "the Secret has the name of the spec" equal postgresql type_in_secret

  in_namespace delete --wait=false serviceinstance/instance >/dev/null
  check "an instance is not removed before its binding, and its condition says so" eventually says DeprovisionBlockedByExistingCredentials \
    in_namespace get serviceinstance/instance --output 'jsonpath={.status.conditions[*].reason}'
  check "a deleted binding is removed" in_namespace delete --timeout=90s servicebinding/binding
  check "its Secret is removed" wait_gone secret/my-secret
  check "then the instance is removed" wait_gone serviceinstance/instance

  check "an instance with the only plan of its class" provision_and_delete "$namespace" "{${class}ExternalName: postgresql-schema}"
  check "an instance by Kubernetes names" provision_and_delete "$namespace" "{${class}Name: $postgresql, ${plan}Name: $small}"
  check "an instance by external ids" provision_and_delete "$namespace" "{${class}ExternalID: $schema, ${plan}ExternalID: $shared}"
  check "an instance by the class's Kubernetes name, with the only plan" provision_and_delete "$namespace" "{${class}Name: $schema}"

  check "a deleted broker is removed" in_namespace delete --timeout=90s "$kind/walkthrough"
  check "its classes are removed" wait_gone "$class/$postgresql" "$class/$schema"
  check "its plans are removed" wait_gone "$plan/$small" "$plan/$shared"
  check "the namespace is removed" kubectl delete --timeout=90s "namespace/$namespace"
  check "nothing is left at the broker" nothing_is_orphaned
}

walkthrough ClusterServiceBroker clusterService "
apiVersion: v1
kind: Secret
metadata: {name: auth}
stringData: {username: broker, password: an-example}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ClusterServiceBroker
metadata: {name: walkthrough}
spec:
  url: http://postgresql-broker.postgresql-broker.svc.cluster.local
  authInfo: {basic: {secretRef: {namespace: walkthrough-clusterservicebroker, name: auth}}}"

walkthrough ServiceBroker service "
apiVersion: v1
kind: Secret
metadata: {name: auth}
stringData: {username: broker, password: an-example}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBroker
metadata: {name: walkthrough}
spec:
  url: http://postgresql-broker.postgresql-broker.svc.cluster.local
  authInfo: {basic: {secretRef: {name: auth}}}"
