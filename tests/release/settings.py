"""The processes' settings as values of the chart: the data of their ConfigMaps, and the schema of what may be given."""

from __future__ import annotations

import json
from typing import Any

from dagy.adapters.settings.api import ApiSettings
from dagy.adapters.settings.attach import AttachSettings
from dagy.adapters.settings.environment import EnvironmentSettings, variable
from dagy.adapters.settings.operator import Settings
from dagy.adapters.settings.tls import ApiTlsSettings
from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.release.base import Json
from tests.release.rules import CERT_MANAGER, COMPONENTS

KINDS: dict[str, tuple[type[EnvironmentSettings], ...]] = {
    "operator": (Settings,),
    "api": (ApiSettings, ApiTlsSettings),
    "webhook": (AttachSettings,),
}
FIXED = {
    "DAGY_BUILD_NAMESPACE",
    "DAGY_API_NAMESPACE",
    "DAGY_API_SERVICE",
    "DAGY_TLS_SECRET",
    "DAGY_WEBHOOK_SERVICE",
    "DAGY_WEBHOOK_TLS_SECRET",
}
"""Names that objects of the chart have: another one would only part them from their settings."""
EXTRA = {
    "operator": (".Values.watchNamespaces", "DAGY_WATCH_NAMESPACES", 'join "," .Values.watchNamespaces'),
    "api": (".Values.ingress.enabled", "DAGY_API_PUBLIC_URL", 'printf "https://%s" .Values.ingress.host'),
    "webhook": (".Values.webhook.clients", "DAGY_WEBHOOK_CLIENTS", 'join "," .Values.webhook.clients'),
}
"""Settings that follow from another value: when, which, and what they are then."""
SEEN = {"operator": ("operator",), "api": ("operator", "api"), "webhook": ("webhook",)}
"""Whose ConfigMaps a process reads."""
IMAGES = {OPERATOR_NAME: ".Values.images.operator", BUILDER_NAME: ".Values.images.builder"}


def variables(component: str) -> list[str]:
    """The settings of a process, each once, in the order of its documentation."""
    return list(dict.fromkeys(variable(name) for kind in KINDS[component] for name in kind.model_fields))


def schema(component: str) -> Json:
    """The JSON schema of values.settings.COMPONENT."""
    properties: Json = {}
    for kind in KINDS[component]:
        document = kind.model_json_schema()
        for name, field in document["properties"].items():
            properties.setdefault(variable(name), _property(variable(name), field, document.get("$defs", {})))
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(name: str, field: Json, defs: Json) -> Json:
    told: Json = {key: field[key] for key in ("description", "default") if key in field}
    if name in FIXED:
        return {**told, "const": field["default"]}
    kind = _resolved({key: value for key, value in field.items() if key not in (*told, "title")}, defs)
    if kind["type"] != "string":
        # As in the environment, where everything is text.
        return {**told, "anyOf": [kind, {"type": "string"}]}
    # Nobody puts the 16 of a quantity into quotes.
    return {**told, **kind, "type": ["string", "number"]}


def _resolved(node: Any, defs: Json) -> Any:
    match node:
        case {"$ref": str(reference)}:
            return _resolved(defs[reference.rpartition("/")[2]], defs)
        case dict():
            return {key: _resolved(value, defs) for key, value in node.items()}
        case list():
            return [_resolved(value, defs) for value in node]
        case _:
            return node


def helpers(config_maps: dict[str, Json], names: dict[str, str]) -> str:
    """Named templates: the data of each ConfigMap, and the annotations of the pods that read it.

    `config_maps`: component to the ConfigMap of the base; `names`: the images of the base, repository to whole name.
    """
    return "\n".join([_data(one, config_maps[one]["data"], names) for one in COMPONENTS.values()]) + "\n".join(
        [""] + [_annotations(one, config_maps, names) for one in COMPONENTS.values()]
    )


def _data(component: str, data: dict[str, str], names: dict[str, str]) -> str:
    """The base's data, with images and what follows from other values; under that, what is given."""
    repositories = {whole: repository for repository, whole in names.items()}
    lines = [f'{{{{- define "dagy.settings.{component}" -}}}}', "{{- $own := dict }}"]
    for name, value in data.items():
        image = repositories.get(value)
        shown = f'(include "dagy.image" {IMAGES[image]})' if image else json.dumps(value)
        lines.append(f'{{{{- $_ := set $own "{name}" {shown} }}}}')
    if component != "operator":
        lines.append(f'{{{{- if {CERT_MANAGER} }}}}{{{{ $_ := set $own "DAGY_TLS_DIRECTORY" "/tls" }}}}{{{{ end }}}}')
    when, name, then = EXTRA[component]
    lines.append(f'{{{{- if {when} }}}}{{{{ $_ := set $own "{name}" ({then}) }}}}{{{{ end }}}}')
    lines.append(f'{{{{- include "dagy.data" (dict "own" $own "given" .Values.settings.{component}) }}}}')
    return "\n".join([*lines, "{{- end }}", ""])


def _annotations(component: str, config_maps: dict[str, Json], names: dict[str, str]) -> str:
    """Processes read their settings when they start: pods get another annotation when these, S3's keys or the authorities
    differ from the base's.

    With the base's they get none, so that the chart's objects are the base's.
    """
    read = " ".join(f'(include "dagy.settings.{one}" .)' for one in SEEN[component])
    unchanged = " ".join(f"`{_as_helm_writes_it(config_maps[one]['data'])}`" for one in SEEN[component])
    data = f'"data" (list {read} .Values.s3 .Values.caBundle) "unchanged" (list {unchanged} (dict) "")'
    given = f'{data} "given" .Values.{component}.podAnnotations'
    lines = [
        f'{{{{- define "dagy.podAnnotations.{component}" -}}}}',
        f'{{{{- include "dagy.podAnnotations" (dict {given}) }}}}',
        "{{- end }}",
        "",
    ]
    return "\n".join(lines)


def _as_helm_writes_it(data: dict[str, str]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
