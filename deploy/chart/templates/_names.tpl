{{- define "gsv.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- define "gsv.labels" -}}
app.kubernetes.io/name: gsv-triton
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "gsv.selector" -}}
app.kubernetes.io/name: gsv-triton
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "gsv.voices" -}}
{{- if .Values.voices.store -}}
{{ .Values.voices.store }}
{{- else -}}
{{- if not .Values.redis.voices.enabled -}}
{{- fail "voices.store is empty and redis.voices is off: name a store that replicas share" -}}
{{- end -}}
redis://{{ include "gsv.name" . }}-redis-voices:6379/0
{{- end -}}
{{- end }}
{{- define "gsv.cache" -}}
{{- if .Values.cache.url -}}
{{ .Values.cache.url }}
{{- else if .Values.redis.cache.enabled -}}
redis://{{ include "gsv.name" . }}-redis-cache:6379/0
{{- else -}}
off
{{- end -}}
{{- end }}
{{- define "gsv.choices" -}}
{{- if .Values.gatewayChoices -}}
{{ .Values.gatewayChoices }}
{{- else if .Values.redis.voices.enabled -}}
redis://{{ include "gsv.name" . }}-redis-voices:6379/0
{{- else if .Values.redis.cache.enabled -}}
redis://{{ include "gsv.name" . }}-redis-cache:6379/0
{{- else -}}
{{- fail "gatewayChoices is empty and both Redis are off: name one that gateways share, redis://host:6379/0" -}}
{{- end -}}
{{- end }}
{{- define "gsv.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: { drop: ["ALL"] }
{{- end }}
{{- define "gsv.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "gsv.selector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end }}
