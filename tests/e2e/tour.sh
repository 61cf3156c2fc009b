# shellcheck shell=bash
# Sourced by inside.sh: every command of the tour in docs/walkthrough.md does what it should.

section "The tour in docs/walkthrough.md"
kubectl config set-context --current --namespace default >/dev/null
# In a shell of its own, which has nothing to read of the document.
while IFS= read -r command <&3; do
  check "$command" bash -c "$command" </dev/null
done 3< <(sed -n 's/^\$ //p' docs/walkthrough.md)
