#!/usr/bin/env bash
# The inside of sandbox.sh: builds a cluster in fresh Linux namespaces, then runs the command.
# Gets DIR, CGROUP and IMAGES in the environment.
set -eu
source "$(dirname "$0")/lib.sh"
PATH="$built/node/usr/bin:$PATH"

# /proc is still the machine's: this is the process id outside, which `sandbox.sh --enter` needs.
read -r pid _ </proc/self/stat
mount -t proc proc /proc

rm -rf "${DIR:?}"/{etcd,log,node}
mkdir -p "$DIR"/log "$DIR"/node/{cni,sysctl,etc,etc.work,lib,lib.work}
echo "$pid" >"$DIR/pid"
directory=$PWD
cd "$DIR/node"

# --- The machine as it looks from here ------------------------------------------------------------------------------
address=10.200.0.1 # of the node; pods get 10.201.0.0/24, Services 10.0.0.0/24

# kubelet, containerd and CNI insist on some paths: these become private, as copies or empty. Mounts are shared within
# the namespace, because the kubelet propagates them to pods.
mount -t overlay -o lowerdir=/etc,upperdir=etc,workdir=etc.work etc /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=lib,workdir=lib.work lib /var/lib
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mount --make-rshared /

# kubelet needs these settings and would change them for the whole machine: show it that they are set already.
setting() {
  echo "$2" >"sysctl/${1//\//.}"
  mount --bind "sysctl/${1//\//.}" "/proc/sys/$1"
}
setting vm/overcommit_memory 1
setting vm/panic_on_oom 0
setting kernel/panic 10
setting kernel/panic_on_oops 1
setting kernel/keys/root_maxkeys 1000000
setting kernel/keys/root_maxbytes 25000000

# A bridge without ports stands in for a network card: kubelet refuses the loopback, and not every kernel has dummies.
# The default route leads nowhere, but without one packets to a ClusterIP are refused before kube-proxy sees them.
ip link set lo up
ip link add node type bridge
ip address add $address/24 dev node
ip link set node up
ip route add default dev node
echo 1 >/proc/sys/net/ipv4/ip_forward

rm -f /etc/resolv.conf
cat >/etc/resolv.conf <<EOF
nameserver $address
search default.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
EOF

# --- containerd -----------------------------------------------------------------------------------------------------
# restrict_oom_score_adj: root in a container may not make a process less likely to be killed when memory is short.
# disable_apparmor: its profile would be loaded into the whole machine.
cat >containerd.toml <<EOF
version = 2
root = "$DIR/node/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$DIR/node/cni"
EOF
# hairpinMode: a pod may reach itself by way of a Service.
cat >cni/pods.conflist <<EOF
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true,
    "ipam": {"type": "host-local", "dataDir": "$DIR/node/ipam", "ranges": [[{"subnet": "10.201.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}
EOF
component containerd --config containerd.toml

start_control_plane $address 6443

# --- kubelet, scheduler, Services -----------------------------------------------------------------------------------
containers() { ctr --address /run/containerd.sock --namespace k8s.io "$@"; }
eventually containers version
shopt -s nullglob
for image in "$built"/images/*.tar ${IMAGES:+"$IMAGES"/*.tar}; do containers image import "$image" >>"$DIR/log/images"; done

# Processes in the sandbox may do everything, so kubelet trusts the API server without a certificate. Nothing is evicted
# or cleaned up for lack of space: images cannot be pulled again.
cat >kubelet.yaml <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
readOnlyPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
clusterDNS: [$address]
clusterDomain: cluster.local
resolvConf: ""
containerRuntimeEndpoint: unix:///run/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
protectKernelDefaults: true
evictionHard: {memory.available: "0%"}
imageGCHighThresholdPercent: 100
syncFrequency: 5s
EOF
component kubelet --config kubelet.yaml --kubeconfig "$KUBECONFIG" --hostname-override node --node-ip $address

component kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0 --profiling=false

# masqueradeAll: answers between two pods return through the node, also where bridges bypass iptables.
# conntrack: do not change the machine's settings.
cat >proxy.yaml <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: "$KUBECONFIG"}
clusterCIDR: 10.201.0.0/24
iptables: {masqueradeAll: true}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
component kube-proxy --config proxy.yaml --hostname-override node
component cluster-dns $address:53

# Claims without a class are bound to these. Each is used once, because nothing empties it.
for volume in {1..9}; do
  mkdir -p "volumes/$volume"
  cat <<EOF
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-$volume}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  local: {path: "$DIR/node/volumes/$volume"}
  nodeAffinity:
    required: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [node]}]}]}
EOF
done >volumes.yaml
kubectl create --filename volumes.yaml >"$DIR/log/volumes"

eventually kubectl wait --for=condition=Ready node/node

cd "$directory"
"$@"
