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
