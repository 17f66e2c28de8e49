"""Where values of the chart go into the base's objects. Pure."""

from __future__ import annotations

import copy
from typing import Any

from tests.release.base import Json
from tests.release.templates import Hole, Lines

COMPONENTS = {"dagy-operator": "operator", "dagy-api": "api", "dagy-webhook": "webhook"}
"""The processes: name of Deployment, ConfigMap and service account to the name in values."""
ACCOUNTS = {**COMPONENTS, "dagy-builder": "builder"}
PORTS = {
    ("operator", "health"): ("operator.DAGY_HEALTH_PORT",),
    ("operator", "metrics"): ("operator.DAGY_METRICS_PORT",),
    ("api", "https"): ("api.DAGY_API_PORT",),
    # The API reads the operator's settings, and then its own.
    ("api", "metrics"): ("api.DAGY_METRICS_PORT", "operator.DAGY_METRICS_PORT"),
    ("webhook", "https"): ("webhook.DAGY_WEBHOOK_PORT",),
    ("webhook", "health"): ("webhook.DAGY_WEBHOOK_HEALTH_PORT",),
    ("webhook", "metrics"): ("webhook.DAGY_METRICS_PORT",),
}
"""The settings that a container's port must follow, the first of them that is given: component and name of each port."""
CERT_MANAGER = ".Values.certManager.enabled"
MONITORING = ".Values.monitoring.enabled"
NAMESPACE_SELECTOR = ".Values.settings.operator.DAGY_WATCH_NAMESPACE_SELECTOR"
DASHBOARD = "dashboard.json"
KEEP = "helm.sh/resource-policy"
"""The annotation by which Helm leaves an object where it is, whatever becomes of the release."""
OWN_CERTIFICATES = {
    ("Secret", "dagy-api-tls"),
    ("Secret", "dagy-webhook-tls"),
    *((kind, "dagy-api-certificates") for kind in ("Role", "RoleBinding")),
    *((kind, "dagy-webhook-certificates") for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")),
}
"""What replicas need to keep certificates themselves, as in manifests/overlays/cert-manager."""


def condition(document: Json) -> str:
    """When the object is rendered; always, where that is empty."""
    kind, name = document["kind"], document["metadata"]["name"]
    match kind:
        case "Namespace":
            # Helm's own --create-namespace has made that of the release.
            return f'and .Values.namespaces.create (ne .Release.Namespace "{name}")'
        case "CustomResourceDefinition":
            return ".Values.crds.install"
        case "ClusterRoleBinding" if name in COMPONENTS:
            return "not .Values.watchNamespaces"
        case _:
            return f"not {CERT_MANAGER}" if (kind, name) in OWN_CERTIFICATES else ""


def with_holes(document: Json) -> Json:
    """The object with holes for the chart's values."""
    new, name = copy.deepcopy(document), document["metadata"]["name"]
    match document["kind"], name:
        case "CustomResourceDefinition", _:
            new["metadata"][Lines(f'annotations: {{"{KEEP}": keep}}')] = ""
        case "ServiceAccount", _:
            _json(new["metadata"], "annotations", f".Values.serviceAccounts.{ACCOUNTS[name]}.annotations")
        case "ConfigMap", _ if name in COMPONENTS:
            new["data"] = Hole(f'{{{{ include "dagy.settings.{COMPONENTS[name]}" . }}}}')
        case "Deployment", _:
            _deployment(new, COMPONENTS[name])
        case "Service", "dagy-api":
            _service(new)
        case "NetworkPolicy", "dagy-webhook":
            _clients(new)
        case (("PodMonitor" | "PrometheusRule"), _):
            labels = (
                "{{- range $name, $value := .Values.monitoring.labels }}\n{{ $name }}: {{ $value | quote }}\n{{- end }}"
            )
            new["metadata"]["labels"][Lines(labels)] = ""
        case "ConfigMap", "dagy-dashboard":
            new["data"] = {key: Hole(f'{{{{ .Files.Get "{DASHBOARD}" | toJson }}}}') for key in new["data"]}
        case (("MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration"), _):
            injected = "annotations: {cert-manager.io/inject-ca-from: dagy-system/dagy-webhook}"
            new["metadata"][Lines(_if(CERT_MANAGER, injected))] = ""
        case _:
            pass
    return new


def _deployment(deployment: Json, component: str) -> None:
    values = f".Values.{component}"
    spec, template = deployment["spec"], deployment["spec"]["template"]
    if component != "operator":
        spec["replicas"] = Hole(f"{{{{ {values}.replicas }}}}")
    template["metadata"][Lines(_with(f'include "dagy.podAnnotations.{component}" .', "annotations: {{ . }}"))] = ""
    labels = f"{{{{- range $name, $value := {values}.podLabels }}}}\n{{{{ $name }}}}: {{{{ $value | quote }}}}\n{{{{- end }}}}"
    template["metadata"]["labels"][Lines(labels)] = ""
    pod = template["spec"]
    pod[Lines(_with(".Values.imagePullSecrets", "imagePullSecrets:\n{{- range . }}\n- name: {{ . }}\n{{- end }}"))] = ""
    for name in ("nodeSelector", "tolerations", "affinity"):
        _json(pod, name, f"{values}.{name}")
    (container,) = pod["containers"]
    container["image"] = Hole('{{ include "dagy.image" .Values.images.operator }}')
    container["imagePullPolicy"] = Hole("{{ .Values.images.operator.pullPolicy }}")
    container["resources"] = Hole(f"{{{{ toJson {values}.resources }}}}")
    for port in container["ports"]:
        given = [f".Values.settings.{setting}" for setting in PORTS[component, port["name"]]]
        chosen = " | default ".join([*given, str(port["containerPort"])])
        port["containerPort"] = Hole(f"{{{{ {chosen} | int }}}}")
    if component != "operator":
        secret = f"dagy-{component}-certificate"
        container["volumeMounts"].append(Lines(_if(CERT_MANAGER, "- {name: tls, mountPath: /tls, readOnly: true}")))
        pod["volumes"].append(Lines(_if(CERT_MANAGER, f"- {{name: tls, secret: {{secretName: {secret}}}}}")))


def _service(service: Json) -> None:
    values = ".Values.api.service"
    _json(service["metadata"], "annotations", f"{values}.annotations")
    service["spec"][Lines(_with(f"{values}.type", "type: {{ . }}"))] = ""
    service["spec"]["ports"][0][Lines(_with(f"{values}.nodePort", "nodePort: {{ int . }}"))] = ""


def _clients(policy: Json) -> None:
    """The networks of the API server in the place of all networks, as docs/attach.md asks for."""
    (rule,) = policy["spec"]["ingress"]
    everywhere = rule["from"]
    given = "{{- range . }}\n- ipBlock: {cidr: {{ . | quote }}}\n{{- end }}\n"
    rule["from"] = [
        Lines(f"{{{{- with .Values.webhook.clients }}}}\n{given}{{{{- else }}}}"),
        *everywhere,
        Lines("{{- end }}"),
    ]


def _json(mapping: dict[Any, Any], key: str, value: str) -> None:
    """The value as an entry, where it isn't empty. JSON is YAML, and needs no indentation."""
    mapping[Lines(_with(value, f"{key}: {{{{ toJson . }}}}"))] = ""


def _if(condition: str, text: str) -> str:
    return f"{{{{- if {condition} }}}}\n{text}\n{{{{- end }}}}"


def _with(value: str, text: str) -> str:
    return f"{{{{- with {value} }}}}\n{text}\n{{{{- end }}}}"
