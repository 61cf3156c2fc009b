{{/* What the Deployments have in common. */}}
{{- define "service-catalog.deploymentSettings" -}}
revisionHistoryLimit: {{ .Values.revisionHistoryLimit }}
strategy:
  {{- toYaml .Values.deploymentStrategy | nindent 2 }}
{{- end -}}

{{/*
What the pods of all Deployments have in common, but for their containers. The arguments: the root, the labels by which
the pods are selected, and the number of replicas.
*/}}
{{- define "service-catalog.podSettings" -}}
{{- $selector := index . 1 -}}
{{- $replicas := index . 2 -}}
{{- with (first .).Values -}}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .affinity }}
affinity:
  {{- toYaml .affinity | nindent 2 }}
{{- else if gt (int $replicas) 1 }}
# A preference only: with as many nodes as replicas, an upgrade could otherwise schedule no new pod.
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $default := dict "labelSelector" (dict "matchLabels" (fromYaml $selector)) }}
  - {{- (hasKey . "labelSelector" | ternary . (merge (deepCopy .) $default)) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What their containers have in common. */}}
{{- define "service-catalog.containerSettings" -}}
{{- with .Values.image -}}
image: "{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}"
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The option --listen. The arguments: the root, the port. */}}
{{- define "service-catalog.listen" -}}
{{- $address := (first .).Values.bindAddress -}}
--listen={{ contains ":" $address | ternary (printf "[%s]" $address) $address }}:{{ last . }}
{{- end -}}

{{/*
The budget of a Deployment with several replicas: one could never be drained. The arguments: the root, the name, the
metadata, the labels by which the pods are selected, and the number of replicas.
*/}}
{{- define "service-catalog.podDisruptionBudget" -}}
{{- $root := first . -}}
{{- $budget := $root.Values.podDisruptionBudget -}}
{{- if and $budget.enabled (gt (int (last .)) 1) }}
---
# A drain evicts one replica at a time, so that another one can serve.
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  {{- index . 2 | nindent 2 }}
spec:
  {{- if $budget.minAvailable }}
  minAvailable: {{ $budget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ $budget.maxUnavailable }}
  {{- end }}
  selector:
    matchLabels:
      {{- index . 3 | nindent 6 }}
{{- end }}
{{- end -}}

{{/*
The NetworkPolicy of a Deployment: connections to one port only. The arguments: the root, the name, the metadata, the
labels by which the pods are selected, the port, from where, and the rules for egress.
*/}}
{{- define "service-catalog.networkPolicy" -}}
{{- $root := first . -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  {{- index . 2 | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- index . 3 | nindent 6 }}
  policyTypes: [Ingress{{ if last . }}, Egress{{ end }}]
  ingress:
    - ports:
        - port: {{ index . 4 }}
      {{- with index . 5 }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- with last . }}
  egress:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
