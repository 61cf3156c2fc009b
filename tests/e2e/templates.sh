# shellcheck shell=bash
# Sourced by inside.sh: the built-in services of the template broker, with real servers in pods.

section "Built-in services"
kubectl create namespace templates >/dev/null
kubectl label namespace templates pod-security.kubernetes.io/enforce=restricted >/dev/null
kubectl config set-context --current --namespace templates >/dev/null
kubectl create rolebinding editor --clusterrole edit --user jane >/dev/null
as_jane() { kubectl --as jane "$@"; }

services() { kubectl get clusterserviceclasses --field-selector spec.clusterServiceBrokerName=template-service-broker --output "$1"; }
service_names() { services 'jsonpath={range .items[*]}{.spec.externalName}{"\n"}{end}' | sort | xargs; }
check "helm install is enough to have them" equal \
  "dotnet ferretdb mariadb mysql nodejs postgresql python rabbitmq redis ruby" \
  service_names
# From the chart's objects to the last class.
seconds_to_catalog() {
  { kubectl get deployment service-catalog-template-broker --namespace service-catalog --output 'jsonpath={.metadata.creationTimestamp}{"\n"}'
    services 'jsonpath={range .items[*]}{.metadata.creationTimestamp}{"\n"}{end}' | sort | tail -1
  } | date --file - +%s | xargs sh -c 'echo $(($2 - $1))' -
}
check "they are there within 20 seconds" test "$(seconds_to_catalog)" -le 20

# A user with the role edit orders all at once.
order() { # SERVICE PLAN
  as_jane apply -f - <<END
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: $1}
spec:
  clusterServiceClassExternalName: $1
  clusterServicePlanExternalName: $2
  parameters: {MEMORY_LIMIT: 256Mi}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBinding
metadata: {name: $1}
spec:
  instanceRef: {name: $1}
  podSelector: {matchLabels: {uses: $1}}
END
}
order redis persistent >/dev/null
order postgresql persistent >/dev/null
order mariadb ephemeral >/dev/null
order rabbitmq ephemeral >/dev/null
for service in redis postgresql mariadb rabbitmq; do
  check "$service becomes ready" ready "serviceinstance/$service"
  check "… and its binding" ready "servicebinding/$service"
done
check "its pods run" kubectl wait --for=condition=Ready --timeout=1s pods --all

# client SERVICE IMAGE: a pod that has the credentials, and the client program.
client() {
  as_jane apply -f - >/dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: $1-client, labels: {uses: $1}}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  terminationGracePeriodSeconds: 0
  containers:
    - name: client
      image: localhost/$2:demo
      command: [sleep, "10000"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
END
}
client redis redis-server
client postgresql postgresql
client mariadb mariadb-server
client rabbitmq rabbitmq-server
check "pods with their credentials start" ready pods --selector uses
# use SERVICE COMMAND: runs it where each credential is a file.
use() { as_jane exec "$1-client" -- sh -euc "cd /bindings/$1; $2"; }
redis() { use redis "redis-cli --no-auth-warning -u \$(cat uri) $1"; }
postgresql() { use postgresql "psql \$(cat uri) -q -A -t -c '$1'"; }
mariadb() { use mariadb "MYSQL_PWD=\$(cat password) mariadb -h \$(cat host) -P \$(cat port) -u \$(cat username) -N \$(cat database) -e '$1'"; }
rabbitmq() { use rabbitmq "amqp-$1 --url \$(cat uri) $2"; }
check "redis answers" equal PONG redis PING
check "postgresql answers" equal 1 postgresql "SELECT 1"
check "mariadb answers" equal 1 mariadb "SELECT 1"
check "rabbitmq has a queue" rabbitmq declare-queue "--queue greetings"
check "… takes a message" rabbitmq publish "--routing-key greetings --body hello"
check "… and delivers it" equal hello rabbitmq get "--queue greetings"
redis "SET greeting hello" >/dev/null
postgresql "CREATE TABLE greetings AS SELECT 1 AS id" >/dev/null

section "An update of a built-in service"
servers() { field '{.items[*].spec.containers[*].resources.limits.memory}' pods --selector "app.kubernetes.io/instance=$1"; }
for service in redis postgresql; do
  as_jane patch "serviceinstance/$service" --type merge --patch '{"spec": {"parameters": {"MEMORY_LIMIT": "320Mi"}}}' >/dev/null
done
for service in redis postgresql; do
  check "$service confirms more memory" kubectl wait --timeout=90s "serviceinstance/$service" \
    --for=jsonpath=.status.externalProperties.parameters.MEMORY_LIMIT=320Mi
  check "… is ready" ready "serviceinstance/$service"
  check "… and its pod has it" eventually equal 320Mi servers "$service"
done
check "redis still has its data" equal hello redis "GET greeting"
check "postgresql still has its data" equal 1 postgresql "SELECT id FROM greetings"
as_jane patch serviceinstance/redis --type merge --patch '{"spec": {"parameters": {"MAXMEMORY": "a lot"}}}' >/dev/null
check "an invalid parameter is refused, and named" eventually says MAXMEMORY \
  field '{.status.conditions[?(@.status=="False")].message}' serviceinstance/redis
check "… while the service goes on" equal PONG redis PING

section "A built-in service that does not start"
as_jane apply -f - >/dev/null <<'END'
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: ruby}
spec:
  clusterServiceClassExternalName: ruby
  parameters: {SOURCE_REPOSITORY_URL: "https://git.example.com/app.git"}
END
check "the instance names the pod and the reason" eventually says ImagePull \
  field '{.status.conditions[*].message}' serviceinstance/ruby
check "it can be deleted at once" as_jane delete --timeout=90s serviceinstance/ruby

section "kill -9 of the template broker"
kubectl delete pods --selector uses >/dev/null
check "bindings and instances are removed" as_jane delete --timeout=90s servicebindings,serviceinstances --all
# As the operator is killed in crashes.sh.
kill_template_broker() {
  local process
  for process in $(pgrep -f '^/service-catalog template-broker'); do kill -KILL "$process"; done
  operator delete pod --selector app.kubernetes.io/name=template-broker --force --grace-period=0 >/dev/null 2>&1
}
for moment in 0.2 0.5 2; do
  order redis persistent >/dev/null &
  sleep "$moment"
  kill_template_broker
  wait
  check "killed after $moment s of an order" ready serviceinstance/redis servicebinding/redis
  as_jane delete --wait=false serviceinstance/redis servicebinding/redis >/dev/null &
  sleep "$moment"
  kill_template_broker
  wait
  check "killed after $moment s of a deletion" gone serviceinstance/redis
done

section "The end of built-in services"
kinds=$(kubectl api-resources --namespaced --verbs list --output name | paste -s -d ,)
check "no object is left" equal "" kubectl get "$kinds" --all-namespaces --output name --selector servicecatalog.k8s.io/template-instance
check "no pod, claim or Secret is left" equal "" kubectl get pods,persistentvolumeclaims,secrets --output name
check "the broker has forgotten them" equal "" kubectl get secrets --namespace service-catalog --output name \
  --field-selector type=servicecatalog.k8s.io/template-instance
kubectl delete namespace templates >/dev/null
