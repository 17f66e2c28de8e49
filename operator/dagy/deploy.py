"""Deploying flows with their dependency packages: `deploy_artifact` and `upload_artifact_via_api`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagy.client.http.errors import DeploymentRefusedError

if TYPE_CHECKING:  # httpx and the models are imported when something is deployed
    from dagy.client import Client
    from dagy.client.files.artifacts import LocalArtifact
    from dagy.model.rest.deployments import DeploymentResponse

__all__ = ["deploy_artifact", "deploy_with", "upload_artifact_via_api"]

Progress = Callable[[int, int], None]
"""Gets the bytes sent and the bytes in all; may be called from several threads, one at a time."""


def deploy_artifact(
    *,
    artifact_path: str | os.PathLike[str],
    deployment_name: str,
    flow_name: str,
    flow_version: str,
    api_url: str | None = None,
    dep_package_slugs: Sequence[str] = (),
    namespace: str = "default",
    token: str | None = None,
    timeout: float = 300.0,
    ca_file: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> DeploymentResponse:
    """Upload a flow's ZIP, deploy it with its packages, and wait until it is ready to run.

    Deploying again under the same name replaces the version; what runs goes on with what it has. An upload that was cut
    goes on where it was. Parameters are those of `upload_artifact_via_api`; `timeout` bounds the wait, in seconds.
    Raises what that raises, DeploymentRefusedError when the flow can't be deployed as it is (the message says why), and
    NotSettledError when the time is over.
    """
    from dagy.client import Client

    with Client(api_url, token=token, namespace=namespace, ca_file=ca_file) as client:
        deployed = deploy_with(
            client,
            artifact_path,
            deployment_name,
            namespace=namespace,
            progress=progress,
            flow_name=flow_name,
            flow_version=flow_version,
            dep_package_slugs=dep_package_slugs,
            **options,
        )
        settled = client.deployments.wait(f"{namespace}/{deployment_name}", timeout=timeout)
    if not settled.ready:
        raise DeploymentRefusedError(settled.message or f"Deployment {deployed.name} is not ready.")
    return settled


def upload_artifact_via_api(
    *,
    artifact_path: str | os.PathLike[str],
    deployment_name: str,
    flow_name: str,
    flow_version: str,
    api_url: str | None = None,
    dep_package_slugs: Sequence[str] = (),
    namespace: str = "default",
    token: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> DeploymentResponse:
    """Upload a flow's ZIP and ask for its deployment, without waiting for it.

    `dep_package_slugs`: slugs of the packages to attach, the first takes precedence. `api_url` is taken from
    DAGY_API_URL when absent; `token` from DAGY_API_TOKEN, the pod's service account, or the kubeconfig. `ca_file`:
    certificates to trust beside the usual ones. `options`: further fields of CompleteUploadRequest, such as `schedule`,
    `image`, `env` (a mapping of names to values is fine) or `resources`; absent ones stay as the deployment has them.
    Raises `dagy.client.DagyError`: ArtifactError for the file, SetupError, ApiError, and so on.
    """
    from dagy.client import Client

    with Client(api_url, token=token, namespace=namespace, ca_file=ca_file) as client:
        return deploy_with(
            client,
            artifact_path,
            deployment_name,
            namespace=namespace,
            progress=progress,
            flow_name=flow_name,
            flow_version=flow_version,
            dep_package_slugs=dep_package_slugs,
            **options,
        )


def deploy_with(
    client: Client,
    artifact: str | os.PathLike[str] | LocalArtifact,
    deployment_name: str,
    *,
    namespace: str = "default",
    progress: Progress | None = None,
    **options: Any,
) -> DeploymentResponse:
    """The same with a client that one has; `options` are fields of CompleteUploadRequest."""
    from pydantic import ValidationError

    from dagy.client.files.artifacts import LocalArtifact, read_artifact
    from dagy.client.http.errors import InvalidError
    from dagy.model.rest.deployments import CompleteUploadRequest, DeploymentOptions

    fields = {name: _plain(name, value) for name, value in options.items() if value is not None}
    try:  # before anything is sent
        DeploymentOptions.model_validate(fields)
    except ValidationError as error:
        raise InvalidError(422, _sentence(error)) from error
    local = artifact if isinstance(artifact, LocalArtifact) else read_artifact(artifact)
    sent = client.uploads.upload(local, deployment_name, namespace, progress=progress)
    request = CompleteUploadRequest(
        upload_id=sent.upload_id,
        artifact_key=sent.artifact_key,
        parts=list(sent.parts),
        deployment_name=deployment_name,
        **fields,
    )
    deployed = client.uploads.complete(namespace, request)
    client.uploads.forget(local, deployment_name, namespace)
    return deployed


def _plain(name: str, value: Any) -> Any:
    """A field as the model takes it."""
    if name == "env" and isinstance(value, Mapping):
        return [{"name": key, "value": text} for key, text in value.items()]
    return list(value) if isinstance(value, tuple) else value


def _sentence(error: Any) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}. Correct it and deploy again; nothing was sent."
