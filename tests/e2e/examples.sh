# shellcheck shell=bash
# Sourced by inside.sh: everything in examples/ works as described, and pods get their credentials.

section "Examples"
kubectl create namespace examples >/dev/null
kubectl config set-context --current --namespace examples >/dev/null

check "the API server accepts all of them" kubectl apply -f examples
check "the brokers become ready" ready clusterservicebroker/postgresql servicebroker/team-broker
check "the instances become ready" ready serviceinstances --all
check "the bindings become ready" ready servicebindings --all
check "the broker has their instances and bindings and no others" nothing_is_orphaned
check "a restricted catalog leaves the plan out" equal "" \
  kubectl get serviceplans --field-selector spec.externalName=large --output name

# limited LIMIT COUNT: whether as many databases have this connection limit.
limited() { equal "$2" sql "SELECT count(*) FROM pg_database WHERE datconnlimit = $1"; }
check "parameters reach the broker" limited 10 1
check "parameters in a Secret do, too" limited 7 1
check "the status does not show these" says "connectionLimit: <redacted>" \
  kubectl get serviceinstance/parameters-from-secret --output yaml
kubectl patch serviceinstance/guestbook-db --type merge --patch '{"spec": {"parameters": {"connectionLimit": 11}}}' >/dev/null
check "an edit of the parameters reaches the broker" eventually limited 11 1
kubectl patch secret/secret-parameters --patch '{"stringData": {"parameters": "{\"connectionLimit\": 8}"}}' >/dev/null
check "an edit of the Secret does, too" eventually limited 8 1

entries() { kubectl get "secret/$1" --output json | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["data"]))'; }
entry() { field "{.data.$2}" "secret/$1" | base64 -d; }
check "credentials can be transformed" equal "address database host password port provider sslmode type user" entries guestbook-reader
check "… with a JSONPath" equal "$(entry guestbook-reader host):5432" entry guestbook-reader address

section "Pods"
in_application() { kubectl exec deployment/guestbook -- "$@"; }
check "the application starts" kubectl rollout status --timeout=90s deployment/guestbook
check "it has written to the database" eventually says "row 1 in database osb_" kubectl logs deployment/guestbook
check "it has the files" equal "$(entry guestbook-db username)" in_application cat /bindings/guestbook-db/username
check "it has the variable" equal "$(entry guestbook-db uri)" in_application sh -c 'echo "$DATABASE_URL"'
check "the variable works" equal 1 in_application sh -c 'psql "$DATABASE_URL" -A -t -c "SELECT 1"'

pod() { kubectl run "$1" --image=localhost/busybox:1 --labels="$2" --restart=Never --command -- sleep 10000 >/dev/null; }
# The injection of a pod: its variables, and the names of its Secret volumes.
injected() { field '{.spec.containers[0].env[*].name} {.spec.containers[0].envFrom[*].prefix} {.spec.volumes[*].secret.secretName}' "pod/$1" | xargs; }
pod stranger app=other
check "a pod that no binding selects is left alone" equal "" injected stranger
pod reader reads=guestbook
check "a pod that another binding selects starts" ready pod/reader
check "… with all entries as variables" equal "$(entry guestbook-reader user)" kubectl exec reader -- sh -c 'echo "$PG_user"'

# around NAME VOLUME: a pod with its own volume mounted at the parent of the injected files, and a read-only root.
around() {
  kubectl apply -f - >/dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: around-$1, labels: {app: guestbook}}
spec:
  restartPolicy: Never
  volumes: [{name: own, $2}]
  containers:
    - name: main
      image: localhost/busybox:1
      command: [sleep, "10000"]
      securityContext: {readOnlyRootFilesystem: true}
      volumeMounts: [{name: own, mountPath: /bindings}]
END
}
around empty "emptyDir: {}"
around map "configMap: {name: kube-root-ca.crt}"
around projected "projected: {sources: [{configMap: {name: kube-root-ca.crt}}]}"
for volume in empty map projected; do
  check "a pod with its own volume around the files starts ($volume)" ready "pod/around-$volume"
  check "… and has the files" equal "$(entry guestbook-db username)" \
    kubectl exec "around-$volume" -- cat /bindings/guestbook-db/username
done

stop_operator >/dev/null
pod late app=guestbook
check "without the operator, pods are still injected" equal "SERVICE_BINDING_ROOT DATABASE_URL guestbook-db" injected late
check "… and start" ready pod/late
start_operator >/dev/null

section "kubectl"
check "explain describes a field" says "by its name in the broker's catalog" \
  kubectl explain serviceinstance.spec.clusterServiceClassExternalName
kubectl apply -f - >/dev/null <<'END'
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: mistaken}
spec: {clusterServiceClassExternalName: postgrseql, clusterServicePlanExternalName: small}
END
check "describe shows an event with the error" eventually says "Warning  ReferencesNonexistentServiceClass" \
  kubectl describe serviceinstance/mistaken
check "what was never provisioned can be deleted" kubectl delete --timeout=60s serviceinstance/mistaken

section "Clean-up"
kubectl delete --wait=false deployments,pods --all >/dev/null
check "bindings and instances are removed" kubectl delete --timeout=90s servicebindings,serviceinstances --all
check "brokers are removed" kubectl delete --timeout=90s -f examples/broker.yaml -f examples/namespaced-broker.yaml --ignore-not-found
check "their classes and plans are removed" equal "" kubectl get serviceclasses,serviceplans --output name
check "… the cluster-wide ones, too" equal "" kubectl get clusterserviceclasses,clusterserviceplans --output name \
  --field-selector spec.clusterServiceBrokerName=postgresql
check "nothing is left at the broker" nothing_is_orphaned
