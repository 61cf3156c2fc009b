# shellcheck shell=bash
# Sourced by controlplane.sh and node.sh: starts the components that both sizes of the cluster have in common.
# Needs DIR, the directory of this run; leaves all state, logs and KUBECONFIG there.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
built=$(cd "$here/../.." && pwd)/target/cluster
export PATH="${KUBEBUILDER_ASSETS:+$KUBEBUILDER_ASSETS:}$built/bin:$PATH"
export KUBECONFIG="$DIR/kubeconfig"

# Runs a component in the background, with its log in DIR. It is killed when this shell dies, even by kill -9, but does
# not receive a Ctrl-C: that is for the command.
components=()
component() {
  setpriv --pdeathsig KILL setsid "$@" >"$DIR/log/$1" 2>&1 &
  components[$!]=$1
}

# Retries a command until it succeeds: for a minute at most, and only while all components run.
eventually() {
  local deadline=$((SECONDS + 60)) pid
  until "$@" >"$DIR/log/last-try" 2>&1; do
    for pid in "${!components[@]}"; do
      kill -0 "$pid" 2>/dev/null || give_up "${components[pid]} ended"
    done
    [ $SECONDS -lt $deadline ] || give_up "$* never succeeded"
    sleep 0.1
  done
}

give_up() {
  echo "no cluster: $1; see the logs in $DIR/log" >&2
  exit 1
}

# start_control_plane ADDRESS PORT [FLAG…]: etcd, API server and controller manager. The API is served at
# ADDRESS:PORT; the flags are for the API server.
start_control_plane() {
  local address=$1 port=$2 token
  shift 2
  token=$(openssl rand -hex 16)
  echo "$token,admin,admin,system:masters" >"$DIR/tokens.csv"

  # One key serves TLS and ServiceAccount tokens. Its self-signed certificate is the CA of both.
  openssl req -x509 -nodes -days 3650 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
    -subj /CN=kube-apiserver -addext basicConstraints=critical,CA:FALSE \
    -addext "subjectAltName=IP:$address,IP:10.0.0.1,DNS:kubernetes.default.svc" \
    -keyout "$DIR/api.key" -out "$DIR/api.crt" 2>/dev/null

  cat >"$KUBECONFIG" <<EOF
apiVersion: v1
kind: Config
current-context: cluster
contexts: [{name: cluster, context: {cluster: cluster, user: admin}}]
clusters: [{name: cluster, cluster: {server: "https://$address:$port", certificate-authority: "$DIR/api.crt"}}]
users: [{name: admin, user: {token: $token}}]
EOF

  # Unix sockets instead of ports wherever possible keep clusters apart. Their paths are relative because they must be
  # short.
  pushd "$DIR" >/dev/null
  component etcd --data-dir etcd --unsafe-no-fsync --log-level warn \
    --listen-client-urls unix://etcd.sock --advertise-client-urls unix://etcd.sock \
    --listen-peer-urls unix://peer.sock --initial-advertise-peer-urls unix://peer.sock \
    --initial-cluster default=unix://peer.sock
  # The API server reaches kubelets by address, because the names of nodes do not resolve.
  component kube-apiserver --etcd-servers unix://etcd.sock --bind-address "$address" --secure-port "$port" \
    --advertise-address "$address" --service-cluster-ip-range 10.0.0.0/24 \
    --tls-cert-file api.crt --tls-private-key-file api.key --cert-dir certs \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file api.crt --service-account-signing-key-file api.key \
    --authorization-mode RBAC --token-auth-file tokens.csv \
    --kubelet-preferred-address-types InternalIP --profiling=false "$@"
  eventually kubectl get --raw /readyz
  # The excluded controller publishes the CA in a second way, and does not accept a self-signed one.
  component kube-controller-manager --kubeconfig "$KUBECONFIG" --secure-port 0 --leader-elect=false \
    --root-ca-file api.crt --service-account-private-key-file api.key \
    --controllers '*,-kube-apiserver-serving-clustertrustbundle-publisher-controller' \
    --kube-api-qps 200 --kube-api-burst 400 --profiling=false
  # The first pod or token of a namespace needs it, and it is created a moment after the API is ready.
  eventually kubectl get serviceaccount default
  popd >/dev/null
}
