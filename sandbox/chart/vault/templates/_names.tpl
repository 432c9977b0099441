{{/*
Names, labels and other short facts. Values that are evaluated as templates may use those that carry the official
chart's name: vault.name, vault.fullname, vault.chart, vault.scheme, vault.serviceAccount.name.
*/}}

{{- define "vault.name" -}}
{{ .Chart.Name }}
{{- end -}}

{{/* A release called after Vault lends its name to the objects; any other gets the chart's name appended. */}}
{{- define "vault.fullname" -}}
{{ .Release.Name }}{{ if not (contains .Chart.Name .Release.Name) }}-{{ .Chart.Name }}{{ end }}
{{- end -}}

{{- define "vault.chart" -}}
{{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/*
Call with (list . <version>): "true" if this stands in for that version of the official chart or a later one. The
sandbox makes copies of this chart that have an earlier version.
*/}}
{{- define "vault.chart.from" -}}
{{- if semverCompare (printf ">=%s" (index . 1)) (index . 0).Chart.Version }}true{{ end -}}
{{- end -}}

{{- define "vault.scheme" -}}
{{ ternary "http" "https" .Values.global.tlsDisable }}
{{- end -}}

{{- define "vault.serviceAccount.name" -}}
{{- $account := .Values.server.serviceAccount -}}
{{ $account.name | default (ternary (include "vault.fullname" .) "default" $account.create) }}
{{- end -}}

{{/* Call with (list . <value of an `enabled`>): "true", or nothing. */}}
{{- define "vault.enabled" -}}
{{- $root := index . 0 -}}
{{- $value := index . 1 -}}
{{- if eq (toString $value) "-" -}}
{{- $value = $root.Values.global.enabled -}}
{{- end -}}
{{- if $value }}true{{ end -}}
{{- end -}}

{{/* "ha", "standalone", or nothing where neither is enabled. */}}
{{- define "vault.server.mode" -}}
{{- if .Values.server.ha.enabled -}}
ha
{{- else if has (toString .Values.server.standalone.enabled) (list "true" "-") -}}
standalone
{{- end -}}
{{- end -}}

{{/* Call with (list . <app.kubernetes.io/name>): the labels that every object carries. */}}
{{- define "vault.labels.common" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{- define "vault.server.labels" -}}
helm.sh/chart: {{ include "vault.chart" . }}
{{ include "vault.labels.common" (list . (include "vault.name" .)) }}
{{- end -}}

{{- define "vault.server.selector" -}}
app.kubernetes.io/name: {{ include "vault.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
component: server
{{- end -}}

{{- define "vault.injector.fullname" -}}
{{ include "vault.fullname" . }}-agent-injector
{{- end -}}

{{- define "vault.injector.labels" -}}
{{ include "vault.labels.common" (list . (printf "%s-agent-injector" (include "vault.name" .))) }}
{{- end -}}

{{- define "vault.injector.selector" -}}
app.kubernetes.io/name: {{ include "vault.name" . }}-agent-injector
app.kubernetes.io/instance: {{ .Release.Name }}
component: webhook
{{- end -}}

{{/* "true" if the injector has a leader: one replica alone needs none. */}}
{{- define "vault.injector.elects" -}}
{{- if and .Values.injector.leaderElector.enabled (gt (int .Values.injector.replicas) 1) }}true{{ end -}}
{{- end -}}

{{/* Call with (list . <value>): YAML of a value that is a template when it is a string. */}}
{{- define "vault.templated" -}}
{{- $root := index . 0 -}}
{{- $value := index . 1 -}}
{{- if kindIs "string" $value -}}
{{ tpl $value $root | trim }}
{{- else -}}
{{ toYaml $value }}
{{- end -}}
{{- end -}}
