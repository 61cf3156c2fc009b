# shellcheck shell=bash
# Sourced by inside.sh: the console in its pod, opened as by a newcomer, with a forwarded port and a token.

section "The console"
kubectl create namespace console >/dev/null
kubectl config set-context --current --namespace console >/dev/null
kubectl create serviceaccount jane >/dev/null
kubectl create rolebinding jane --clusterrole edit --serviceaccount console:jane >/dev/null
kubectl apply -f - >/dev/null <<END
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata: {name: waits-for-its-class}
spec: {clusterServiceClassExternalName: unknown, clusterServicePlanExternalName: unknown}
END

operator port-forward service/service-catalog-console :80 >"$HOME/port-forward" 2>&1 &
forwarding=$!
check "a port is forwarded" eventually grep --quiet Forwarding "$HOME/port-forward"
url=http://localhost:$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$HOME/port-forward")
# page PATH [FLAG…]: prints the status of the answer. The page is in a file.
page() {
  curl --silent --cookie "$HOME/cookies" --cookie-jar "$HOME/cookies" --output "$HOME/page" --write-out '%{http_code}' "$url$1" "${@:2}"
}
log_in() { # TOKEN
  page /login >/dev/null
  page /login --header "Origin: $url" --data-urlencode "token=$1" \
    --data-urlencode "form-token=$(sed -n 's/.*name="form-token" value="\([^"]*\)".*/\1/p' "$HOME/page")"
}
sees() { page "$2" >/dev/null && grep --quiet --fixed-strings "$1" "$HOME/page"; } # TEXT PATH

check "without a user there is nothing to see" equal 303 page /ns/console/instances
check "a token that the API server does not know is refused" equal 401 log_in unknown
check "a token of the API server is a login" equal 303 log_in "$(kubectl create token jane)"
check "the user sees the instances of their namespace" sees waits-for-its-class /ns/console/instances
check "… and not those of another namespace" equal 403 page /ns/kube-system/instances
check "the pod has no token of its own" not says serviceAccountToken \
  operator get pods --selector app.kubernetes.io/name=console --output yaml
check "the instance is deleted" kubectl delete --timeout=60s serviceinstance/waits-for-its-class
kill $forwarding

section "The console in Chromium"
variables=$(PARAMETERS='{"MEMORY_LIMIT": "128Mi"}' tests/console/prepare.sh 2>&1)
check "users, an application and a bound Redis are there" grep --quiet ^BROKER= <<<"$variables"
# A forwarded port leads through the API server, which one of the journeys kills.
pod=$(operator get pods --selector app.kubernetes.io/name=console --output 'jsonpath={.items[0].status.podIP}')
rm -f "$HOME/way"
# shellcheck disable=SC2016
tests/cluster/forward.py listen sh -c 'echo "$FORWARDED_PORT" >"$HOME/way" && exec tests/cluster/forward.py to "$0" 8080' \
  "$pod" &
way=$!
check "there is a way to the pod" eventually test -s "$HOME/way"
browse() { # JOURNEY
  (set -a && eval "$variables" && CONSOLE_URL=http://localhost:$(cat "$HOME/way") KILL_API_SERVER=yes \
    RESULTS=$HOME/log/journeys exec node tests/console/run.mjs "$1")
}
for journey in tests/console/journeys/*.mjs; do
  check "journeys: $(basename "$journey" .mjs)" browse "$journey"
done
kill $way
check "they are deleted with their namespace" kubectl delete --timeout=180s namespace/journeys
