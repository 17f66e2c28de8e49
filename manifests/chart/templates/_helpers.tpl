{{- /* An image by tag and, where there is one, by digest. */}}
{{- define "dagy.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* Data of a ConfigMap: .own, and over it .given. Texts stay as they are, all else is written as JSON. */}}
{{- define "dagy.data" -}}
{{- $data := dict }}
{{- range $settings := list .own .given }}
{{- range $name, $value := $settings }}
{{- $_ := set $data $name (ternary $value (toJson $value) (kindIs "string" $value)) }}
{{- end }}
{{- end }}
{{- toJson $data }}
{{- end }}

{{- /* Annotations of pods: .given, and a hash of the settings that they read (.data), where these are not .unchanged. */}}
{{- define "dagy.podAnnotations" -}}
{{- $annotations := deepCopy .given }}
{{- if ne (toJson .data) (toJson .unchanged) }}
{{- $_ := set $annotations "dagy.io/settings" (toJson .data | sha256sum) }}
{{- end }}
{{- if $annotations }}{{ toJson $annotations }}{{ end }}
{{- end }}
