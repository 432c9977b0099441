{{/* Call with a list of (dict "name" <variable> "path" <field of the pod>): variables filled by the kubelet. */}}
{{- define "vault.environment.fields" -}}
{{- range . }}
- name: {{ .name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ .path }}
{{- end }}
{{- end -}}

{{/* Call with .Values.server or .Values.injector. */}}
{{- define "vault.environment.extra" -}}
{{- range $name, $value := .extraEnvironmentVars }}
- name: {{ $name | replace "." "_" | upper | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "vault.server.environment" -}}
{{- $raft := .Values.server.ha.raft -}}
{{- include "vault.environment.fields" (list
  (dict "name" "HOST_IP" "path" "status.hostIP")
  (dict "name" "POD_IP" "path" "status.podIP")
  (dict "name" "VAULT_K8S_POD_NAME" "path" "metadata.name")
  (dict "name" "VAULT_K8S_NAMESPACE" "path" "metadata.namespace")
) }}
- name: VAULT_ADDR
  value: {{ include "vault.scheme" . }}://127.0.0.1:8200
- name: VAULT_API_ADDR
  {{- with .Values.server.ha.apiAddr }}
  value: {{ tpl . $ | quote }}
  {{- else }}
  value: {{ include "vault.scheme" . }}://$(POD_IP):8200
  {{- end }}
- name: SKIP_CHOWN
  value: "true"
- name: SKIP_SETCAP
  value: "true"
{{- include "vault.environment.fields" (list (dict "name" "HOSTNAME" "path" "metadata.name")) }}
- name: VAULT_CLUSTER_ADDR
  value: https://$(HOSTNAME).{{ include "vault.fullname" . }}-internal:8201
{{- if and $raft.enabled $raft.setNodeId }}
{{- include "vault.environment.fields" (list (dict "name" "VAULT_RAFT_NODE_ID" "path" "metadata.name")) }}
{{- end }}
- name: HOME
  value: /home/vault
{{- with .Values.server.logLevel }}
- name: VAULT_LOG_LEVEL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.server.logFormat }}
- name: VAULT_LOG_FORMAT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.server.enterpriseLicense.secretName }}
- name: VAULT_LICENSE_PATH
  value: /vault/license/{{ $.Values.server.enterpriseLicense.secretKey }}
{{- end }}
{{- include "vault.environment.extra" .Values.server }}
{{- range .Values.server.extraSecretEnvironmentVars }}
- name: {{ .envName }}
  valueFrom:
    secretKeyRef:
      name: {{ .secretName }}
      key: {{ .secretKey }}
{{- end }}
{{- end -}}

{{- define "vault.injector.environment" -}}
{{- $service := printf "%s-svc" (include "vault.injector.fullname" .) -}}
- name: AGENT_INJECT_LISTEN
  value: {{ printf ":%v" .Values.injector.port }}
- name: AGENT_INJECT_LOG_LEVEL
  value: {{ .Values.injector.logLevel | default "info" }}
- name: AGENT_INJECT_VAULT_ADDR
  value: {{ include "vault.scheme" . }}://{{ include "vault.fullname" . }}.{{ .Release.Namespace }}.svc:8200
- name: AGENT_INJECT_VAULT_AUTH_PATH
  value: auth/kubernetes
- name: AGENT_INJECT_VAULT_IMAGE
  value: {{ .Values.injector.agentImage.repository }}:{{ .Values.injector.agentImage.tag }}
- name: AGENT_INJECT_TLS_AUTO
  value: {{ include "vault.injector.fullname" . }}-cfg
- name: AGENT_INJECT_TLS_AUTO_HOSTS
  value: {{ list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) | join "," }}
- name: AGENT_INJECT_LOG_FORMAT
  value: standard
- name: AGENT_INJECT_REVOKE_ON_SHUTDOWN
  value: "false"
{{- if include "vault.injector.elects" . }}
- name: AGENT_INJECT_USE_LEADER_ELECTOR
  value: "true"
{{- include "vault.environment.fields" (list (dict "name" "NAMESPACE" "path" "metadata.namespace")) }}
{{- end }}
- name: AGENT_INJECT_CPU_REQUEST
  value: 250m
- name: AGENT_INJECT_CPU_LIMIT
  value: 500m
- name: AGENT_INJECT_MEM_REQUEST
  value: 64Mi
- name: AGENT_INJECT_MEM_LIMIT
  value: 128Mi
- name: AGENT_INJECT_DEFAULT_TEMPLATE
  value: map
- name: AGENT_INJECT_TEMPLATE_CONFIG_EXIT_ON_RETRY_FAILURE
  value: "true"
{{- include "vault.environment.extra" .Values.injector }}
{{- include "vault.environment.fields" (list (dict "name" "POD_NAME" "path" "metadata.name")) }}
{{- end -}}
