#!/usr/bin/env bash
# Checks the features that the tests rely on: sandbox.sh DIR selftest.sh
set -eu
check() { # WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || { echo "FAILED $1: expected '$2', got '$3'" >&2; exit 1; }
  echo "ok $1"
}

# from_pod POD NAME PORT: the Service's answer to a pod.
from_pod() { kubectl exec "$1" -- nc -w 5 "$2" "$3" </dev/null; }

check "the node is ready" True \
  "$(kubectl get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')"

kubectl apply -f - >/dev/null <<'EOF'
apiVersion: v1
kind: Secret
metadata: {name: credentials}
stringData: {username: alice, password: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: server
    image: localhost/busybox:1
    command: [/bin/sh, -c, 'echo "$USERNAME $(cat /credentials/password)"; exec nc -ll -p 8080 -e /bin/echo hello']
    env: [{name: USERNAME, valueFrom: {secretKeyRef: {name: credentials, key: username}}}]
    volumeMounts: [{name: credentials, mountPath: /credentials}]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    securityContext: {runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  volumes: [{name: credentials, secret: {secretName: credentials}}]
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec:
  selector: {app: server}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {fsGroup: 1001}
  containers:
  - {name: client, image: localhost/busybox:1, command: [/bin/sleep, "10000"], volumeMounts: [{name: data, mountPath: /data}]}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
EOF
kubectl wait --for=condition=Ready pod/server pod/client --timeout=60s >/dev/null

check "logs: a Secret as variable and as file" "alice s3cret" "$(kubectl logs server)"
check "exec" 65532 "$(kubectl exec server -- id -u)"
check "a volume for a claim, with the group of the pod" 1001 \
  "$(kubectl exec client -- sh -c 'touch /data/file && stat -c %g /data/file')"
check "a Service by name, from a pod" hello "$(from_pod client server 80)"
check "a Service by full name, from a pod" hello "$(from_pod client server.default.svc.cluster.local 80)"
check "a Service by name, from the pod behind it" hello "$(from_pod server server.default 80)"
check "a Service by name, from outside of pods" hello "$(busybox nc -w 5 server.default 80 </dev/null)"
check "the API by name, from a pod" "" "$(from_pod client kubernetes.default 443)"
check "a name that does not exist" "nc: bad address 'nobody'" "$(from_pod client nobody 80 2>&1 | head -1)"
check "admission policies" mutatingadmissionpolicies.admissionregistration.k8s.io \
  "$(kubectl api-resources --api-group=admissionregistration.k8s.io -o name | grep ^mutatingadmissionpolicies)"
check "no rights without RBAC" no "$(kubectl auth can-i list secrets --as=system:serviceaccount:default:default || true)"
echo "all passed"
