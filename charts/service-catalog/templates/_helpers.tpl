{{/* The name of all objects of the release: the release's name, which should be `service-catalog`. */}}
{{- define "service-catalog.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "service-catalog.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service-catalog.labels" -}}
{{ include "service-catalog.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The operator's user name at the API server. */}}
{{- define "service-catalog.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "service-catalog.fullname" . }}
{{- end -}}

{{/* The namespaces of the system and of the operator, as a list in JSON. */}}
{{- define "service-catalog.systemNamespaces" -}}
{{ list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace | uniq | toJson }}
{{- end -}}

{{/*
Fails where MutatingAdmissionPolicy is not served: without the policies, objects would get no finalizer and pods no
credentials. `helm template` does not query a cluster and knows only the APIs given with --api-versions.
*/}}
{{- define "service-catalog.requirements" -}}
{{- $policies := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "service-catalog needs Kubernetes 1.36 or later; this cluster has %s" .Capabilities.KubeVersion.Version) -}}
{{- else if not (.Capabilities.APIVersions.Has $policies) -}}
{{- fail (printf "service-catalog needs %s, which this cluster does not serve (with `helm template`, add --api-versions %s)" $policies $policies) -}}
{{- end -}}
{{- end -}}

{{/* CEL: the patch that stores the requesting user in spec.userInfo, from which brokers get the originating identity. */}}
{{- define "service-catalog.requester" -}}
JSONPatch{
  op: "add", path: "/spec/userInfo",
  value: Object.spec.userInfo{
    username: request.userInfo.?username.orValue(""),
    uid: request.userInfo.?uid.orValue(""),
    groups: request.userInfo.?groups.orValue([]),
    extra: request.userInfo.?extra.orValue({})
  }
}
{{- end -}}
