"""The chart's values: one table, from which values.yaml and its schema are written. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.release import settings
from tests.release.base import Json

Tree = dict[str, Any]
TEXT: Json = {"type": "string"}
TRUTH: Json = {"type": "boolean"}
STRINGS: Json = {"type": "object", "additionalProperties": TEXT}
ANYTHING: Json = {"type": "object"}
NETWORKS: Json = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$"}}
NAMES: Json = {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}}
DIGEST: Json = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
PULLED: Json = {"type": "string", "enum": ["Always", "IfNotPresent", "Never"]}


@dataclass(frozen=True)
class Value:
    """One value: what it is without being given, what it does, and what it may be."""

    default: Any
    says: str
    schema: Json = field(default_factory=lambda: TEXT)


SETTINGS = {
    "operator": "Settings of the operator by their names, such as DAGY_MAX_BUILDS: 8 (docs/settings.md). The API reads them, too.",
    "api": "Settings of the API (docs/api.md).",
    "webhook": "Settings of the webhook (docs/attach.md).",
}  # fmt: skip
ACCOUNTS = {
    "operator": "Such as those of a cloud's workload identity.",
    "api": "The same for the API, which signs URLs of S3.",
    "webhook": "The same for the webhook, which reads lists of files in S3.",
    "builder": "The same for the Jobs, which write to S3.",
}
ENVIRONMENT: Tree = {
    "s3": Value(
        {},
        "What the Secret dagy-s3 of both namespaces holds: DAGY_S3_BUCKET, AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, "
        "AWS_SECRET_ACCESS_KEY. Empty: you make these Secrets.",
        {**STRINGS, "if": {"minProperties": 1}, "then": {"required": ["DAGY_S3_BUCKET"]}},
    ),
    "caBundle": Value("", "Certificates (PEM) of authorities to trust beside the public ones: the ConfigMap dagy-ca-bundle."),
    "watchNamespaces": Value(
        [], "Namespaces that are served, with rights there alone; all when empty. They must be there.", NAMES
    ),
}  # fmt: skip
"""What the installation finds around itself."""
SERVICE: Tree = {
    "type": Value(
        "", "ClusterIP when empty, NodePort or LoadBalancer.", {"enum": ["", "ClusterIP", "NodePort", "LoadBalancer"]}
    ),
    "nodePort": Value(0, "The port on nodes; any when 0.", {"type": "integer", "minimum": 0, "maximum": 65535}),
    "annotations": Value({}, "Such as those by which a cloud makes its load balancer.", STRINGS),
}
CLIENTS = Value(
    [], "Networks (CIDR) from which the API server asks; set it, or the webhook gives no reasons (docs/attach.md).", NETWORKS
)  # fmt: skip
PARTS: Tree = {
    "certManager": {
        "enabled": Value(False, "Certificates from cert-manager (with its cainjector) instead of the replicas' own.", TRUTH)
    },
    "ingress": {
        "enabled": Value(False, "An Ingress for the API and its console (docs/sign-in.md).", TRUTH),
        "host": Value("dagy.example.com", "Where users reach it: https://HOST/console/."),
        "className": Value("", "Its IngressClass; the cluster's default when empty."),
        "tlsSecret": Value("dagy-ingress-tls", "Secret of dagy-system with the host's certificate."),
        "annotations": Value({}, "Beside those for ingress-nginx, or in their place.", STRINGS),
    },
    "monitoring": {
        "enabled": Value(
            False, "For the Prometheus Operator and Grafana's sidecar: what to scrape, alerts, a dashboard (docs/metrics.md).", TRUTH
        ),
        "labels": Value({}, "Labels by which your Prometheus selects monitors and rules, such as release: NAME.", STRINGS),
    },
    "namespaces": {
        "create": Value(
            True, "Whether the chart makes dagy-system and dagy-builds; never the one that it is installed in.", TRUTH
        )
    },
    "crds": {
        "install": Value(
            True, "Whether the chart brings the definitions of our kinds. They are upgraded with it and stay when it goes.", TRUTH
        )
    },
}  # fmt: skip
"""What is there or not."""


def table(deployments: Mapping[str, Json], images: Mapping[str, str]) -> Tree:
    """All values. `deployments`: those of the base by component; `images`: repository to the whole name."""
    return {
        "images": {
            "operator": {**_image(images[OPERATOR_NAME]), "pullPolicy": Value("IfNotPresent", "When nodes pull it.", PULLED)},
            "builder": _image(images[BUILDER_NAME]),
        },
        "imagePullSecrets": Value([], "Names of Secrets of dagy-system with which nodes pull the image of the operator.", NAMES),
        "settings": {one: Value({}, says, settings.schema(one)) for one, says in SETTINGS.items()},
        **ENVIRONMENT,
        "operator": _process(deployments["operator"]),
        "api": {**_process(deployments["api"]), "service": SERVICE},
        "webhook": {**_process(deployments["webhook"]), "clients": CLIENTS},
        "serviceAccounts": {one: {"annotations": Value({}, says, STRINGS)} for one, says in ACCOUNTS.items()},
        **PARTS,
    }  # fmt: skip


def _image(name: str) -> Tree:
    whole, _, digest = name.partition("@")
    repository, _, tag = whole.rpartition(":")
    return {
        "repository": Value(repository, "Where nodes pull it."),
        "tag": Value(tag, "Its release."),
        "digest": Value(digest, "sha256:..., which goes before the tag; none when empty.", DIGEST),
    }


def _process(deployment: Json) -> Tree:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    replicas = Value(deployment["spec"]["replicas"], "How many pods.", {"type": "integer", "minimum": 1})
    one = deployment["metadata"]["name"] == "dagy-operator"  # it is one by design: two would not share the work
    return {
        **({} if one else {"replicas": replicas}),
        "resources": Value(container["resources"], "Requests and limits.", ANYTHING),
        "nodeSelector": Value({}, "As in a pod's spec.", STRINGS),
        "tolerations": Value([], "As in a pod's spec.", {"type": "array", "items": {"type": "object"}}),
        "affinity": Value({}, "As in a pod's spec.", ANYTHING),
        "podLabels": Value({}, "Labels of its pods beside the chart's.", STRINGS),
        "podAnnotations": Value({}, "Annotations of its pods.", STRINGS),
    }


def text(tree: Tree, indent: str = "") -> str:
    """The table as values.yaml."""
    parts = []
    for name, value in tree.items():
        if isinstance(value, Value):
            parts.append(f"{indent}# {value.says}\n{indent}{name}: {json.dumps(value.default)}\n")
        else:
            parts.append(f"{indent}{name}:\n{text(value, indent + '  ')}")
    return ("" if indent else "\n").join(parts)


def schema(tree: Tree) -> Json:
    """The table as a JSON schema (draft 7, which every Helm reads). What it doesn't name is refused: it would do nothing."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_schema(tree, {"global": ANYTHING})}


def _schema(tree: Tree, more: Json) -> Json:
    properties = {
        name: {"description": value.says, **value.schema} if isinstance(value, Value) else _schema(value, {})
        for name, value in tree.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": {**properties, **more}}
