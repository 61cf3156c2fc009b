# shellcheck shell=bash
# Sourced by inside.sh: every command of the tour in docs/walkthrough.md succeeds.

section "The tour in docs/walkthrough.md"
kubectl config set-context --current --namespace default >/dev/null
# Each command has its own shell, without the document as its stdin.
while IFS= read -r command <&3; do
  check "$command" bash -c "$command" </dev/null
done 3< <(sed -n 's/^\$ //p' docs/walkthrough.md)
