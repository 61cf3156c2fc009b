# shellcheck shell=bash
# Sourced by inside.sh: everything in examples/ does what it says, and pods get what they are due.

section "Examples"
kubectl create namespace examples >/dev/null
kubectl config set-context --current --namespace examples >/dev/null
check "all of them are accepted" kubectl apply \
  "${manifests[@]/#/--filename=}"
