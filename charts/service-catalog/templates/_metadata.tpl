{{/* The chart's part of names, and the label by which pods are selected. */}}
{{- define "service-catalog.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of all objects of the release: the release's name, which should be `service-catalog`. */}}
{{- define "service-catalog.fullname" -}}
{{- $name := include "service-catalog.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "service-catalog.selector" -}}
app.kubernetes.io/name: {{ include "service-catalog.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service-catalog.templateBroker.selector" -}}
app.kubernetes.io/name: template-broker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service-catalog.console.selector" -}}
app.kubernetes.io/name: console
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
Labels and annotations of every object but the CRDs. The labels come last, so that a template can add others. The schema
refuses commonLabels that are the chart's own.
*/}}
{{- define "service-catalog.metadata" -}}
{{ include "service-catalog.metadataOf" (list . (include "service-catalog.selector" .) dict dict) }}
{{- end -}}

{{- define "service-catalog.templateBroker.metadata" -}}
{{ include "service-catalog.metadataOf" (list . (include "service-catalog.templateBroker.selector" .) dict dict) }}
{{- end -}}

{{/* The same for an object of the console. The arguments: the root, the object's own annotations. */}}
{{- define "service-catalog.console.metadata" -}}
{{ include "service-catalog.metadataOf" (list (first .) (include "service-catalog.console.selector" (first .)) (last .) dict) }}
{{- end -}}

{{/*
The same for an object with annotations and labels of its own, which win over the common ones. The arguments: the root,
the labels by which the pods are selected, the annotations, the labels.
*/}}
{{- define "service-catalog.metadataOf" -}}
{{- with mergeOverwrite (deepCopy (first .).Values.commonAnnotations) (index . 2) -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{ end -}}
labels:
  {{- mergeOverwrite (include "service-catalog.labels" . | fromYaml) (deepCopy (last .)) | toYaml | nindent 2 }}
{{- end -}}

{{/* The labels of the chart's objects. The arguments: the root, the labels by which the pods are selected. */}}
{{- define "service-catalog.labels" -}}
{{- $root := first . -}}
{{ index . 1 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The field `labels` of pods: podLabels win over all but the selector. The arguments: as above. */}}
{{- define "service-catalog.podLabels" -}}
{{- $labels := include "service-catalog.labels" . | fromYaml -}}
labels:
  {{- mergeOverwrite $labels (deepCopy (first .).Values.podLabels) (last . | fromYaml) | toYaml | nindent 2 }}
{{- end -}}
