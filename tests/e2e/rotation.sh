# shellcheck shell=bash
# Sourced by inside.sh: credentials reach applications that were started before them, and rotate while in use.

section "Before there are credentials"
kubectl create namespace rotation >/dev/null
kubectl config set-context --current --namespace rotation >/dev/null
kubectl apply -f examples/broker.yaml >/dev/null

# Each query opens a connection. The log contains every failure. Without credentials there are no queries.
application() { # NAME REPLICAS
  cat <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1}
spec:
  replicas: $2
  selector: {matchLabels: {app: $1}}
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: $1
          image: postgres:17
          readinessProbe: {exec: {command: [test, -e, /tmp/served]}, periodSeconds: 1}
          command: [sh, -uc]
          args:
            - |
              trap 'exit 0' TERM
              until [ -n "\${DATABASE_URL-}" ]; do touch /tmp/served; sleep 0.2; done
              while true; do
                if said=\$(psql "\$DATABASE_URL" -q -A -t -c "SELECT session_user" 2>&1)
                then touch /tmp/served; echo "served as \$said"
                else echo "FAILED: \$said"; fi
              done
END
}
application early 1 | kubectl apply -f - >/dev/null
check "an application starts before its binding exists" kubectl rollout status --timeout=90s deployment/early
kubectl apply -f - >/dev/null <<'END'
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBinding
metadata: {name: db}
spec:
  instanceRef: {name: guestbook-db}
  podSelector:
    matchExpressions: [{key: app, operator: In, values: [early, load, held]}]
  injection:
    env: [{name: DATABASE_URL, key: uri}]
END
kubectl run held --image=postgres:17 --labels=app=held --restart=Never --command -- sleep 10000 >/dev/null
check "a pod waits for its credentials" eventually equal "Pending" field '{.status.phase}' pod/held
kubectl apply -f examples/instance.yaml >/dev/null
check "the binding becomes ready" ready servicebinding/db
check "the waiting pod starts by itself" ready pod/held
served() { kubectl logs --prefix --selector "app=$1" --tail=-1 | grep -q 'served as'; }
check "the application from before is restarted and served" eventually served early
rolled_out() { kubectl wait --for=condition=RolledOut --timeout=90s servicebinding/db; }
check "the binding reports that it is rolled out" rolled_out

section "A rotation under load"
kubectl delete deployment/early >/dev/null
application load 2 | kubectl apply -f - >/dev/null
check "the application starts" kubectl rollout status --timeout=90s deployment/load
check "it is served" eventually served load
restarts() { field '{.metadata.annotations.deployment\.kubernetes\.io/revision}' deployment/load; }
check "it was not restarted, because it had the credentials from the start" equal 1 restarts

role() { field '{.data.username}' secret/db | base64 -d; }
roles() { sql "SELECT count(*) FROM pg_roles WHERE rolname = '$1'"; }
old=$(role)
logs=$HOME/log/load
for pod in $(kubectl get pods --selector app=load --output name); do
  kubectl logs --follow "$pod" >"$logs-$(basename "$pod")" &
done
kubectl annotate servicebinding/db servicecatalog.k8s.io/rotate=now >/dev/null
check "the binding is rotated on request" kubectl wait --for=condition=Rotated --timeout=90s servicebinding/db
check "it was Ready all the time" equal True field '{.status.conditions[?(@.type=="Ready")].status}' servicebinding/db
new=$(role)
check "the credentials have changed" test "$old" != "$new"
check "the condition names the pod that has no controller" eventually says "pod/held" \
  field '{.status.conditions[?(@.type=="RolledOut")].message}' servicebinding/db
check "the application is restarted" eventually equal 2 restarts
check "… to the end" kubectl rollout status --timeout=120s deployment/load
check "… once" equal 2 restarts
check "the old role exists as long as a pod uses it" equal 1 roles "$old"
# The kubelet refreshes Secret volumes once a minute.
file_is_new() { kubectl exec held -- sh -c 'for i in $(seq 400); do [ "$(cat /bindings/db/username)" = "$0" ] && exit; sleep 0.3; done; exit 1' "$new"; }
check "the files of a running pod change" file_is_new
kubectl delete pod/held >/dev/null
check "when that pod is gone, the old role is removed" eventually equal 0 roles "$old"
check "the application is served as the new one" eventually says "served as $new" kubectl logs --selector app=load --tail=1
kubectl logs --prefix --selector app=load --tail=-1 >"$logs-after"
check "it was served as the old one before" grep -q "served as $old" "$logs"-load-*
check "no query has failed" not grep FAILED "$logs"-*
check "nothing else is left at the broker" eventually nothing_is_orphaned

section "Deletion of a binding"
kubectl delete --wait=false servicebinding/db >/dev/null
check "the application is restarted without it" eventually equal 3 restarts
check "the binding is removed" gone servicebinding/db
check "… and its Secret" equal "" kubectl get secret/db --ignore-not-found --output name
check "… and its role" equal 0 roles "$new"
check "no pod uses it any more" eventually equal "" kubectl get pods --output 'jsonpath={.items[*].spec.containers[0].env[?(@.name=="DATABASE_URL")].name}'
kubectl delete deployment/load >/dev/null
check "the instance is removed" kubectl delete --timeout=90s serviceinstances --all
check "the broker is removed" kubectl delete --timeout=90s clusterservicebroker/postgresql
check "nothing is left at the broker" nothing_is_orphaned
