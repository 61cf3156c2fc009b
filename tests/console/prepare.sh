#!/usr/bin/env bash
# prepare.sh: creates with kubectl, as an administrator, what the journeys start from: a namespace, four users, an
# application, and an instance of CLASS with a binding. Prints the journeys' variables as assignments of the shell.
set -eu
NAMESPACE=${NAMESPACE:-journeys}
CLASS=${CLASS:-redis}
PLAN=${PLAN:-ephemeral}
PARAMETERS=${PARAMETERS:-"{}"}
READER=${READER:-service-catalog-catalog-reader}

quietly() { kubectl "$@" >/dev/null; }
# user NAME [ROLE]: a ServiceAccount that may read the catalog if it has a role.
user() {
  quietly create serviceaccount "$1" --namespace "$NAMESPACE"
  [ $# -gt 1 ] || return 0
  quietly create rolebinding "$1" --namespace "$NAMESPACE" --clusterrole "$2" --serviceaccount "$NAMESPACE:$1"
  quietly create clusterrolebinding "$NAMESPACE-$1" --clusterrole "$READER" --serviceaccount "$NAMESPACE:$1"
}
token() { kubectl create token "$1" --namespace "$NAMESPACE" --duration 2h; }

quietly create namespace "$NAMESPACE"
user owner admin
user editor edit
user viewer view
user stranger
quietly apply --namespace "$NAMESPACE" -f - <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "redis:7", command: [sleep, infinity]}]
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: orders-db}
spec: {clusterServiceClassExternalName: $CLASS, clusterServicePlanExternalName: $PLAN, parameters: $PARAMETERS}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: waits-for-its-class}
spec: {clusterServiceClassExternalName: unknown, clusterServicePlanExternalName: unknown}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBinding
metadata: {name: orders-web}
spec: {instanceRef: {name: orders-db}, secretName: orders-db-credentials, podSelector: {matchLabels: {app: orders}}}
YAML
quietly wait --namespace "$NAMESPACE" --for=condition=Ready --timeout=120s serviceinstance/orders-db servicebinding/orders-web
instance_of() { kubectl get serviceinstance orders-db --namespace "$NAMESPACE" --output "jsonpath={$1}"; }

printf '%s=%q\n' NAMESPACE "$NAMESPACE" \
  ADMIN_TOKEN "$(token owner)" EDIT_TOKEN "$(token editor)" VIEW_TOKEN "$(token viewer)" NO_RIGHTS_TOKEN "$(token stranger)" \
  CLASS "$(instance_of .spec.clusterServiceClassRef.name)" PLAN "$(instance_of .spec.clusterServicePlanRef.name)" \
  BROKER "$(kubectl get clusterserviceclass "$(instance_of .spec.clusterServiceClassRef.name)" \
    --output 'jsonpath={.spec.clusterServiceBrokerName}')"
