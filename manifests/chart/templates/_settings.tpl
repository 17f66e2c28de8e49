{{- /* Generated from the ConfigMaps of manifests/base by `make generate`. Change that, not this file. */}}
{{- define "dagy.settings.operator" -}}
{{- $own := dict }}
{{- $_ := set $own "DAGY_BUILDER_IMAGE" (include "dagy.image" .Values.images.builder) }}
{{- $_ := set $own "DAGY_BUILD_PRIORITY_CLASS" "dagy-builds" }}
{{- if .Values.watchNamespaces }}{{ $_ := set $own "DAGY_WATCH_NAMESPACES" (join "," .Values.watchNamespaces) }}{{ end }}
{{- include "dagy.data" (dict "own" $own "given" .Values.settings.operator) }}
{{- end }}

{{- define "dagy.settings.api" -}}
{{- $own := dict }}
{{- if .Values.certManager.enabled }}{{ $_ := set $own "DAGY_TLS_DIRECTORY" "/tls" }}{{ end }}
{{- if .Values.ingress.enabled }}{{ $_ := set $own "DAGY_API_PUBLIC_URL" (printf "https://%s" .Values.ingress.host) }}{{ end }}
{{- include "dagy.data" (dict "own" $own "given" .Values.settings.api) }}
{{- end }}

{{- define "dagy.settings.webhook" -}}
{{- $own := dict }}
{{- $_ := set $own "DAGY_ATTACH_IMAGE" (include "dagy.image" .Values.images.operator) }}
{{- if .Values.certManager.enabled }}{{ $_ := set $own "DAGY_TLS_DIRECTORY" "/tls" }}{{ end }}
{{- if .Values.webhook.clients }}{{ $_ := set $own "DAGY_WEBHOOK_CLIENTS" (join "," .Values.webhook.clients) }}{{ end }}
{{- include "dagy.data" (dict "own" $own "given" .Values.settings.webhook) }}
{{- end }}

{{- define "dagy.podAnnotations.operator" -}}
{{- include "dagy.podAnnotations" (dict "data" (list (include "dagy.settings.operator" .) .Values.s3 .Values.caBundle) "unchanged" (list `{"DAGY_BUILDER_IMAGE":"docker.io/dagy/builder:0.1.0","DAGY_BUILD_PRIORITY_CLASS":"dagy-builds"}` (dict) "") "given" .Values.operator.podAnnotations) }}
{{- end }}

{{- define "dagy.podAnnotations.api" -}}
{{- include "dagy.podAnnotations" (dict "data" (list (include "dagy.settings.operator" .) (include "dagy.settings.api" .) .Values.s3 .Values.caBundle) "unchanged" (list `{"DAGY_BUILDER_IMAGE":"docker.io/dagy/builder:0.1.0","DAGY_BUILD_PRIORITY_CLASS":"dagy-builds"}` `{}` (dict) "") "given" .Values.api.podAnnotations) }}
{{- end }}

{{- define "dagy.podAnnotations.webhook" -}}
{{- include "dagy.podAnnotations" (dict "data" (list (include "dagy.settings.webhook" .) .Values.s3 .Values.caBundle) "unchanged" (list `{"DAGY_ATTACH_IMAGE":"docker.io/dagy/operator:0.1.0"}` (dict) "") "given" .Values.webhook.podAnnotations) }}
{{- end }}
