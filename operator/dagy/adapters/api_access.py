"""Access of somebody with a kubeconfig to the cluster's own API: published facts of the installation, credentials."""

from __future__ import annotations

from dataclasses import dataclass

from dagy.adapters.kube import reviews
from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.model import constants as names

_READY = "Ready"


@dataclass(frozen=True)
class Published:
    """Facts about the API, published by the installation (in a ConfigMap that everybody with a login may get)."""

    authority: str = ""
    """Certificates (PEM) by which the API itself is known."""
    url: str = ""
    """URL of the direct way to it: its own certificate answers, and client certificates arrive."""
    proxied_url: str = ""
    """URL of the way to it through a proxy that ends TLS, such as an Ingress."""


@dataclass(frozen=True)
class Credentials:
    """Credentials of a kubeconfig's user."""

    token: str = ""
    certificate: tuple[str, str] | None = None
    """Files with certificate and key."""


async def published(api: KubeApi) -> Published:
    """Return the published facts; empty where the installation is older, elsewhere, or hidden. Raises KubeError."""
    try:
        found = await api.get(namespaced("configmaps", names.SYSTEM_NAMESPACE, names.API_CONFIG_MAP))
    except KubeError as error:
        if error.status != 403:
            raise
        found = None
    data = (found or {}).get("data") or {}
    return Published(
        *(str(data.get(key) or "") for key in (names.API_AUTHORITY_KEY, names.API_URL_KEY, names.API_PROXIED_URL_KEY))
    )


async def credentials(api: KubeApi) -> Credentials:
    """Return the credentials of the connection, as they are now: plugins and files may replace them."""
    configuration = api.configuration
    bearer = (await configuration.auth_settings()).get("BearerToken")
    token = str(bearer["value"] or "").removeprefix("Bearer ") if bearer else ""
    certificate, key = configuration.cert_file, configuration.key_file
    return Credentials(token, (certificate, key) if certificate and key else None)


async def may_forward(api: KubeApi) -> bool:
    """Return True when this user may find a pod of the API and forward a port to it."""
    wanted = [("list", ""), ("get", "portforward"), ("create", "portforward")]
    return all([await reviews.may_with_pods(api, names.SYSTEM_NAMESPACE, verb, part) for verb, part in wanted])


async def ready_replica(api: KubeApi) -> str | None:
    """Return the name of a pod of the API that answers; None when there is none. Raises KubeError."""
    selector = f"app.kubernetes.io/name={names.API_SERVICE}"
    pods, _ = await api.list(namespaced("pods", names.SYSTEM_NAMESPACE), labelSelector=selector)
    for pod in pods:
        conditions = (pod.get("status") or {}).get("conditions") or []
        if any(one["type"] == _READY and one["status"] == "True" for one in conditions):
            return str(pod["metadata"]["name"])
    return None
