"""The parts of a Job's pod that lead to package indexes: proxies, and the gateway that has the credentials. Pure.

The gateway is a sidecar: it starts before the steps, ends after them, and is the only container that sees a credential
of an index or of a proxy. Package code may run in `resolve` and `install`; it never runs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.core.jobs.index_access import references_of
from dagy.core.jobs.index_hosts import HostRules
from dagy.core.jobs.pod_security import scratch_mounts, scratch_volumes
from dagy.core.package.observed import IndexAccess
from dagy.core.package.plan import BuildPlan
from dagy_builder.contract import GATEWAY_PORT, GATEWAY_VARIABLE, Step
from dagy_builder.indexes.credentials import KEYS

Manifest = dict[str, Any]

GATEWAY = "index"
"""Name of the gateway's container."""
GATEWAY_URL = f"http://127.0.0.1:{GATEWAY_PORT}"
CREDENTIALS = "/credentials"
ENVIRONMENT: list[Manifest] = [
    {"name": "DAGY_CA_DIRECTORY", "value": "/ca"},
    {"name": "TMPDIR", "value": "/tmp"},  # noqa: S108 an emptyDir of its own
]
"""Environment variables of every container of a Job."""
_VOLUME = "index-credentials"
_USER = 65529  # no step's: package code may run in the pod
_USES_INDEXES = (Step.RESOLVE, Step.INSTALL)
# Folders are read in their order, and of equal credentials the first is sent: the package's before the operator's.
_FIRST_OF_PACKAGE, _FIRST_OF_OPERATOR = 10, 50


@dataclass(frozen=True)
class IndexSettings:
    """The administrator's settings for package indexes."""

    url: str = ""
    """The index of packages that name none; PyPI when empty."""
    secrets: tuple[str, ...] = ()
    """Secrets with index credentials in the build namespace, for all packages."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """HTTP_PROXY, HTTPS_PROXY, NO_PROXY."""
    proxy_secret: str = ""
    """Secret in the build namespace with the same keys, where a proxy's URL holds a password."""
    hosts: HostRules = field(default_factory=HostRules)
    """The rules for hosts that packages may name."""


def needs_gateway(plan: BuildPlan, settings: IndexSettings) -> bool:
    """Return True when there are credentials that package code must not see."""
    return bool(references_of(plan).secrets or settings.secrets or settings.proxy_secret)


def step_environment(step: Step, plan: BuildPlan, settings: IndexSettings) -> list[Manifest]:
    """Return the environment by which a step finds the indexes."""
    if step not in _USES_INDEXES:
        return []
    if needs_gateway(plan, settings):
        return [{"name": GATEWAY_VARIABLE, "value": GATEWAY_URL}]
    return _proxies(settings)


def gateway_containers(plan: BuildPlan, settings: IndexSettings, template: Manifest) -> list[Manifest]:
    """The sidecar, which Kubernetes takes for an init container that goes on. Image and security are `template`'s."""
    if not needs_gateway(plan, settings):
        return []
    container = {
        **{key: template[key] for key in ("image", "imagePullPolicy")},
        "securityContext": {**template["securityContext"], "runAsUser": _USER},
        "name": GATEWAY,
        "restartPolicy": "Always",
        "command": ["python3", "-m", "dagy_builder.indexes.gateway"],
        "args": ["--input", "/input", "--credentials", CREDENTIALS],
        "env": [*ENVIRONMENT, *_proxies(settings)],
        "volumeMounts": [
            {"name": "input", "mountPath": "/input", "readOnly": True},
            {"name": "ca", "mountPath": "/ca", "readOnly": True},
            *scratch_mounts(GATEWAY),
            {"name": _VOLUME, "mountPath": CREDENTIALS, "readOnly": True},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }
    if settings.proxy_secret:
        container["envFrom"] = [{"secretRef": {"name": settings.proxy_secret}}]
    return [container]


def gateway_volumes(plan: BuildPlan, settings: IndexSettings, secret_name: str) -> list[Manifest]:
    """Return the credentials: the package's, copied into the Secret `secret_name`, and the operator's."""
    if not needs_gateway(plan, settings):
        return []
    sources: list[Manifest] = []
    if own := references_of(plan).secrets:
        items = [
            {"key": _key(number, key), "path": f"{_FIRST_OF_PACKAGE + number}_{name}/{key}"}
            for number, name in enumerate(own)
            for key in KEYS
        ]
        sources.append({"secret": {"name": secret_name, "items": items}})
    for number, name in enumerate(settings.secrets):
        items = [{"key": key, "path": f"{_FIRST_OF_OPERATOR + number}_{name}/{key}"} for key in KEYS]
        # Optional, because either token or username and password are there.
        sources.append({"secret": {"name": name, "items": items, "optional": True}})
    return [
        *scratch_volumes(GATEWAY, "10Mi"),
        {"name": _VOLUME, "projected": {"defaultMode": 0o440, "sources": sources}},
    ]


def secret_data(access: IndexAccess) -> dict[str, str]:
    """Return the keys of the Job's own Secret: every key of each of the package's, empty where that has none."""
    return {
        _key(number, key): fields.get(key, "") for number, (_, fields) in enumerate(access.credentials) for key in KEYS
    }


def _key(number: int, key: str) -> str:
    return f"{number}.{key}"


def _proxies(settings: IndexSettings) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in settings.proxies.items() if value]
