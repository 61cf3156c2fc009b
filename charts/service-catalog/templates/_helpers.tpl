{{/*
The name of the operator's ServiceAccount. One that the chart does not create has to be named: the account `default` would
give the operator's permissions to every pod of the namespace.
*/}}
{{- define "service-catalog.serviceAccount" -}}
{{- with .Values.serviceAccount -}}
{{- if .create -}}
{{- .name | default (include "service-catalog.fullname" $) -}}
{{- else -}}
{{- .name | required "set serviceAccount.name: with serviceAccount.create=false, the chart creates none" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The operator's user name at the API server, which the policies compare. */}}
{{- define "service-catalog.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "service-catalog.serviceAccount" . }}
{{- end -}}

{{/* The namespaces of the system and of the operator, as a list in JSON. */}}
{{- define "service-catalog.systemNamespaces" -}}
{{ list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace | uniq | toJson }}
{{- end -}}

{{/* Whether the cluster is OpenShift. Tools that render without a cluster may not know: hence the value. */}}
{{- define "service-catalog.isOpenShift" -}}
{{- if eq (toString .Values.openshift) "auto" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}true{{- end -}}
{{- else if .Values.openshift -}}
true
{{- end -}}
{{- end -}}

{{/*
Whether the cluster serves Templates without the chart's CRD. OpenShift's own API server does, and it serves Projects as
well: where only Templates are served, the CRD is the chart's, and has to stay.
*/}}
{{- define "service-catalog.servesTemplates" -}}
{{- if eq (toString .Values.openshift) "auto" -}}
{{- $versions := .Capabilities.APIVersions -}}
{{- if and ($versions.Has "template.openshift.io/v1") ($versions.Has "project.openshift.io/v1") -}}true{{- end -}}
{{- else if .Values.openshift -}}
true
{{- end -}}
{{- end -}}

{{/*
Fails where MutatingAdmissionPolicy is not served: without the policies, objects would get no finalizer and pods no
credentials. Helm lists kinds only if it has asked a cluster for them; without a cluster, only the version is checked.
Fails for a second release as well: CRDs and policies are the cluster's, and the policies name one operator.
*/}}
{{- define "service-catalog.requirements" -}}
{{- $policies := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- $version := .Values.kubeVersion | default .Capabilities.KubeVersion.Version -}}
{{- $versions := .Capabilities.APIVersions -}}
{{- if semverCompare "<1.36.0-0" $version -}}
{{- fail (printf "service-catalog needs Kubernetes 1.36 or later; this cluster has %s (without a cluster, set kubeVersion)" $version) -}}
{{- else if and ($versions.Has "v1/Pod") (not ($versions.Has $policies)) -}}
{{- fail (printf "service-catalog needs %s, which this cluster does not serve" $policies) -}}
{{- end -}}
{{- $installed := lookup "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicy" "" "own-secret.servicecatalog.k8s.io" | default dict -}}
{{- $owner := dig "metadata" "annotations" dict $installed -}}
{{- $release := printf "%s/%s" (get $owner "meta.helm.sh/release-namespace") (get $owner "meta.helm.sh/release-name") -}}
{{- if and (ne $release "/") (ne $release (printf "%s/%s" .Release.Namespace .Release.Name)) -}}
{{- fail (printf "this cluster has the release %s of service-catalog already, and one serves all namespaces: add yours to its watchNamespaces" $release) -}}
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

{{/* The operator's permissions in the namespaces in which it works: in all, or in those of watchNamespaces. */}}
{{- define "service-catalog.rules" -}}
# Objects of users: the operator watches them, and changes finalizers, labels and resolved references.
- apiGroups: [servicecatalog.k8s.io]
  resources: [servicebrokers, serviceinstances, servicebindings, instances, bindings]
  verbs: [get, list, watch, patch, update]
# Child objects of the alpha API's instances and bindings.
- apiGroups: [servicecatalog.k8s.io]
  resources: [serviceinstances, servicebindings]
  verbs: [create, delete]
# Bindings of an instance with the deletion policy Cascade.
- apiGroups: [servicecatalog.k8s.io]
  resources: [servicebindings, bindings]
  verbs: [delete]
# Classes and plans, created from catalogs.
- apiGroups: [servicecatalog.k8s.io]
  resources: [serviceclasses, serviceplans]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [servicecatalog.k8s.io]
  resources:
    - servicebrokers/status
    - serviceclasses/status
    - serviceplans/status
    - serviceinstances/status
    - servicebindings/status
    - instances/status
    - bindings/status
  verbs: [patch, update]
# get: parameters and brokers' credentials. list, watch: the Secrets of bindings, by label; and which Secrets change, as
# metadata only. create, update, delete: the Secrets of bindings.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, delete]
# Which pods have the current credentials, in namespaces with an unfinished rollout; and which pods report collisions,
# by label. Metadata only.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The Deployment that owns a pod.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
{{- if .Values.restartWorkloads }}
# Workloads that own pods without the current credentials. The operator restarts them with an annotation on the pod
# template.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, patch]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/*
The option --cluster-id. If the operator works only in a few namespaces, it may not read the UID of kube-system, so Helm
does: the id stays the same when the reach changes. Without a cluster, as with `helm template`, the value has to be set.
*/}}
{{- define "service-catalog.clusterID" -}}
{{- $stored := lookup "v1" "ConfigMap" .Release.Namespace "cluster-info" | default dict -}}
{{- $system := lookup "v1" "Namespace" "" "kube-system" | default dict -}}
{{- if .Values.clusterID -}}
{{- .Values.clusterID -}}
{{- else if and .Values.watchNamespaces (not (dig "data" "id" "" $stored)) -}}
{{- dig "metadata" "uid" "" $system | required "set clusterID: with watchNamespaces, the operator may not read the default, the UID of the namespace kube-system, and Helm did not reach the cluster to read it" -}}
{{- end -}}
{{- end -}}

{{/* Whether there is a template broker: it is one for the whole cluster. Empty if not. */}}
{{- define "service-catalog.templateBroker" -}}
{{- if and .Values.templateBroker.enabled (not .Values.watchNamespaces) -}}true{{- end -}}
{{- end -}}

{{- define "service-catalog.templateBroker.name" -}}
{{- printf "%s-template-broker" (include "service-catalog.fullname" . | trunc 47 | trimSuffix "-") -}}
{{- end -}}

{{/* The user name of a ServiceAccount of the template broker. The arguments: the root, and the end of its name. */}}
{{- define "service-catalog.templateBroker.username" -}}
{{- $root := first . -}}
system:serviceaccount:{{ $root.Release.Namespace }}:{{ include "service-catalog.templateBroker.name" $root }}{{ last . }}
{{- end -}}

{{/*
The templates, and the table of images. On OpenShift, where each namespace has its own range of user and group IDs, the
templates name none.
*/}}
{{- define "service-catalog.templateBroker.files" -}}
{{- $isOpenShift := include "service-catalog.isOpenShift" . -}}
{{- $registry := .Values.templateBroker.registry | trimSuffix "/" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "service-catalog.templateBroker.name" . }}-templates
  namespace: {{ .Release.Namespace }}
  {{- include "service-catalog.templateBroker.metadata" . | nindent 2 }}
data:
  {{- range $path, $content := .Files.Glob "files/templates/*.yaml" }}
  {{- $name := base $path | trimSuffix ".yaml" }}
  {{- if get $.Values.templateBroker.templates $name }}
  {{ $name }}.yaml: |
    {{- $text := $content | toString }}
    {{- if $isOpenShift }}{{- $text = regexReplaceAll "\"(runAsUser|runAsGroup|fsGroup)\":[0-9]+," $text "" }}{{- end }}
    {{- $text | nindent 4 }}
  {{- end }}
  {{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "service-catalog.templateBroker.name" . }}-images
  namespace: {{ .Release.Namespace }}
  {{- include "service-catalog.templateBroker.metadata" . | nindent 2 }}
data:
  images.yaml: |
    {{- range .Files.Get "files/images.yaml" | fromYamlArray }}
    {{- if not (hasKey $.Values.templateBroker.images .name) }}
    {{ .name }}: {{ if $registry }}{{ regexReplaceAll "^[^/]+" .image $registry }}{{ else }}{{ .image }}{{ end }}
    {{- end }}
    {{- end }}
    {{- range $tag, $image := .Values.templateBroker.images }}
    {{ $tag }}: {{ $image }}
    {{- end }}
{{- end -}}

{{- define "service-catalog.console.name" -}}
{{- printf "%s-console" (include "service-catalog.fullname" . | trunc 55 | trimSuffix "-") -}}
{{- end -}}

{{/*
The number of replicas of the console. With login=token, each session is in the memory of one replica: a second one would
not know it.
*/}}
{{- define "service-catalog.console.replicas" -}}
{{- with .Values.console -}}
{{- if and (eq .login "token") (gt (int .replicas) 1) -}}
{{- fail "set console.replicas to at most 1: with console.login=token, sessions are in the memory of one replica" -}}
{{- end -}}
{{- .replicas -}}
{{- end -}}
{{- end -}}
