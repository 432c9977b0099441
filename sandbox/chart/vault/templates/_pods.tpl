{{/* Parts that the server's and the injector's pods have in common. */}}

{{/* Call with (list . <.Values.server or .Values.injector>): where the pods may run. */}}
{{- define "vault.pod.placement" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- range $field := list "affinity" "topologySpreadConstraints" "tolerations" "nodeSelector" }}
{{- with index $part $field }}
{{ $field }}: {{- include "vault.templated" (list $root .) | nindent 2 }}
{{- end }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
Call with (list . <securityContext>): that of the pod; without one the user and group that Vault's and vault-k8s's
images are made for.
*/}}
{{- define "vault.pod.securityContext" -}}
{{- with (index . 1).pod }}
{{- include "vault.templated" (list (index $ 0) .) }}
{{- else -}}
runAsNonRoot: true
runAsUser: 100
runAsGroup: 1000
fsGroup: 1000
{{- end }}
{{- end -}}

{{/* Call with (list . <probe>). */}}
{{- define "vault.injector.probe" -}}
{{- $injector := (index . 0).Values.injector -}}
{{- $probe := index $injector (index . 1) -}}
{{ index . 1 }}:
  httpGet:
    path: /health/ready
    port: {{ $injector.port }}
    scheme: HTTPS
  {{- include "vault.probe.times" $probe | nindent 2 }}
{{- end -}}

{{/* Call with a probe's values. */}}
{{- define "vault.probe.times" -}}
failureThreshold: {{ .failureThreshold }}
initialDelaySeconds: {{ .initialDelaySeconds }}
periodSeconds: {{ .periodSeconds }}
successThreshold: {{ .successThreshold }}
timeoutSeconds: {{ .timeoutSeconds }}
{{- end -}}

{{/* Call with (list . <probe's values>). */}}
{{- define "vault.server.httpProbe" -}}
httpGet:
  path: {{ (index . 1).path | quote }}
  port: {{ (index . 1).port }}
  scheme: {{ include "vault.scheme" (index . 0) | upper }}
{{- end -}}

{{/* Call with (list . <name of the claim> <dataStorage or auditStorage>). */}}
{{- define "vault.volumeClaimTemplate" -}}
{{- $storage := index . 2 -}}
- metadata:
    name: {{ index . 1 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with $storage.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ $storage.size }}
  {{- if include "vault.chart.from" (list (index . 0) "0.34.0") }}
  apiVersion: v1
  kind: PersistentVolumeClaim
  {{- end }}
{{- end -}}
