{{- define "counterfoil.name" -}}
{{- printf "%s-%s" .Release.Name "counterfoil" | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "counterfoil.labels" -}}
app.kubernetes.io/name: counterfoil
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "counterfoil.selector" -}}
app.kubernetes.io/name: counterfoil
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "counterfoil.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests .part -}}
{{- if $digest -}}
{{ printf "%s/%s@%s" $image.repository .part $digest }}
{{- else -}}
{{ printf "%s/%s:%s" $image.repository .part ($image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "counterfoil.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "counterfoil.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{/* Waits until the database has the schema of this version. */}}
{{- define "counterfoil.waitForSchema" -}}
- name: wait-for-schema
  image: {{ include "counterfoil.image" (dict "root" .root "part" "indexer") }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: ["migrate", "--wait"]
  env:
    - name: DATABASE_URL
      valueFrom:
        secretKeyRef:
          name: {{ .root.Values.database.existingSecret }}
          key: {{ .key }}
  securityContext: {{- include "counterfoil.containerSecurity" . | nindent 4 }}
  resources: {{- toYaml .root.Values.migrate.resources | nindent 4 }}
{{- end }}

{{/* The settings file of a part, from a ConfigMap or a Secret. */}}
{{- define "counterfoil.settingsVolume" -}}
- name: settings
  {{- if .settings.existingSettingsSecret }}
  secret:
    secretName: {{ .settings.existingSettingsSecret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ include "counterfoil.name" .root }}-{{ .part }}
  {{- end }}
{{- end }}

{{- define "counterfoil.pod" -}}
serviceAccountName: {{ include "counterfoil.name" .root }}
automountServiceAccountToken: false
securityContext: {{- include "counterfoil.podSecurity" . | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "counterfoil.selector" . | nindent 8 }}
{{- end }}

{{/* A settings file. Helm reads every number of a values file as one with a fraction, which the programs refuse for a count. */}}
{{- define "counterfoil.toml" -}}
{{- $settings := dict -}}
{{- range $name, $value := . -}}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- $_ := set $settings $name (int64 $value) -}}
{{- else -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- end -}}
{{- toToml $settings -}}
{{- end }}
