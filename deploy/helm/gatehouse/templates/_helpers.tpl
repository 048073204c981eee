{{- define "gatehouse.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gatehouse.labels" -}}
{{ include "gatehouse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "gatehouse.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gatehouse.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Whether the record is a file of this pod. */}}
{{- define "gatehouse.sqlite" -}}
{{- $store := .Values.settings.store | default "" -}}
{{- if kindIs "map" $store -}}{{- $store = $store.url | default "" -}}{{- end -}}
{{- if hasPrefix "sqlite:" $store -}}true{{- end -}}
{{- end -}}

{{/* gatehouse.yaml: what the values say, and what the pod needs. */}}
{{- define "gatehouse.settings" -}}
{{- $own := dict "policy" "policy.yaml" "management" (dict "listen" (printf "http://0.0.0.0:%d" (int .Values.management.port)) "allowRemote" true) -}}
{{- merge (deepCopy .Values.settings) $own | toYaml -}}
{{- end -}}
