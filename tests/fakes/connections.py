"""Connections to a test's API server: an administrator's, and the operator's own."""

from __future__ import annotations

from kubernetes.aio import client, config

from dagy.adapters.kube.api import KubeApi, namespaced
from dagy.model import constants as names


async def connect(kubeconfig: str) -> KubeApi:
    """An administrator's connection."""
    configuration = client.Configuration()
    await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)  # type: ignore[no-untyped-call]
    return KubeApi(client.ApiClient(configuration))


async def connect_operator(kubeconfig: str, admin: KubeApi) -> KubeApi:
    """A connection of the operator's own account, with the rights of its manifest and held by its policies."""
    namespace, account = names.OPERATOR_ACCOUNT
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    made = await admin.post(namespaced("serviceaccounts", namespace, account, "token"), request)
    bare = await KubeApi.connect_without_identity(names.FIELD_MANAGER, kubeconfig)
    return bare.as_caller(made["status"]["token"])
