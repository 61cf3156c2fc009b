# shellcheck shell=bash
# Sourced by the tests: checks, and ways to wait. Nothing sleeps for a fixed time; everything has a deadline.

# The caches of kubectl and helm are removed with the cluster.
HOME=$(dirname "$KUBECONFIG")
export HOME
passed=0
failed=0

section() { printf '\n%s\n' "$*"; }

# check WHAT COMMAND…: passes if the command succeeds; otherwise shows its output.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "  ok      $what"
  else
    failed=$((failed + 1))
    echo "  FAILED  $what"
    echo "            ${said//$'\n'/$'\n            '}"
  fi
}

# eventually COMMAND…: retries for a minute, and then prints the last output.
eventually() {
  local deadline=$((SECONDS + 60)) said
  until said=$("$@" 2>&1); do
    [ $SECONDS -lt $deadline ] || { echo "$said"; return 1; }
    sleep 0.2
  done
}

# equal EXPECTED COMMAND…: succeeds if the command prints exactly that.
equal() {
  local expected=$1 actual
  shift
  actual=$("$@") || return 1
  [ "$actual" = "$expected" ] || { printf 'expected: %s\nactual:   %s\n' "$expected" "$actual"; return 1; }
}

# says TEXT COMMAND…: succeeds if the command's output contains the text.
says() {
  local text=$1 said
  shift
  said=$("$@" 2>&1)
  [[ $said == *"$text"* ]] || { printf 'expected to see: %s\n%s\n' "$text" "$said"; return 1; }
}
not() { ! "$@"; }

# ready OBJECT…, gone OBJECT…: wait, with kubectl's flags; show all objects after a timeout.
ready() { kubectl wait --for=condition=Ready --timeout=90s "$@" || { show_all; return 1; }; }
gone() { kubectl wait --for=delete --timeout=90s "$@" || { show_all; return 1; }; }
show_all() {
  kubectl get pods --all-namespaces
  kubectl describe clusterservicebrokers,servicebrokers,serviceinstances,servicebindings --all-namespaces
}
# field JSONPATH OBJECT…
field() { kubectl get --output "jsonpath=$1" "${@:2}"; }

# sql QUERY: queries PostgreSQL as its superuser.
sql() {
  kubectl exec --namespace postgresql-broker deployment/postgresql -- psql -h /tmp -U postgres -A -t -c "$1"
}
# Whether the broker has exactly one instance for each ServiceInstance and one binding for each ServiceBinding, and
# PostgreSQL a database (or schema) and a role for each of these, and nothing else.
nothing_is_orphaned() {
  local instances bindings
  instances=$(kubectl get serviceinstances --all-namespaces --output 'jsonpath={range .items[*]}{.status.instanceID}{"\n"}{end}' | sort)
  bindings=$(kubectl get servicebindings --all-namespaces --output 'jsonpath={range .items[*]}{.status.bindingID}{"\n"}{end}' | sort)
  equal "$instances" sql 'SELECT id FROM service_broker.instances ORDER BY id COLLATE "C"' &&
    equal "$bindings" sql 'SELECT id FROM service_broker.bindings ORDER BY id COLLATE "C"' &&
    equal "$(wc -w <<<"$instances")" sql "SELECT count(*) FROM pg_roles WHERE rolname ~ '^osb_[0-9a-f]{32}\$'" &&
    equal "$(wc -w <<<"$bindings")" sql "SELECT count(*) FROM pg_roles WHERE rolname ~ '^osb_b_'" &&
    equal "$(sql "SELECT count(*) FROM service_broker.instances WHERE document::text ~ 'cd17e389-fe20-4767-bfe0-33bc6c124f00'")" \
      sql "SELECT count(*) FROM pg_database WHERE datname ~ '^osb_[0-9a-f]{32}\$'"
}

operator() { kubectl --namespace service-catalog "$@"; }
its_pods=(--selector app.kubernetes.io/name=service-catalog)
stop_operator() {
  operator scale deployment/service-catalog --replicas=0 && operator wait --for=delete --timeout=60s pod "${its_pods[@]}"
}
start_operator() {
  operator scale deployment/service-catalog --replicas=1 && operator rollout status --timeout=60s deployment/service-catalog
}
# As in a power failure. The pod is replaced, because the kubelet would restart its container with growing back-off. The
# process is dead, so deleting its lease is safe and saves the new one the wait for its end.
kill_operator() {
  local process
  for process in $(pgrep -f '^/service-catalog run'); do kill -KILL "$process"; done
  operator delete pod "${its_pods[@]}" --force --grace-period=0 >/dev/null 2>&1
  operator delete lease --all >/dev/null 2>&1
}

# Prints what helps to find the cause of a failure.
diagnose() {
  kubectl get svcat,events --all-namespaces
  show_all
  operator logs deployment/service-catalog
  operator logs deployment/service-catalog-template-broker
  operator logs deployment/service-catalog-console
}
