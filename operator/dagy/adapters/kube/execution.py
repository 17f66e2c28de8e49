"""Running a command in a pod (`kubectl exec`), for what only the pod can find out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import aiohttp
from kubernetes.aio.stream import WsApiClient

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced

_STDOUT, _STDERR, _STATUS = 1, 2, 3
"""Channels of v4.channel.k8s.io, the first byte of each frame."""
_MOST_BYTES = 64 << 10


async def run_in_pod(
    api: KubeApi, namespace: str, pod: str, command: Sequence[str], *, seconds: float
) -> tuple[str, str]:
    """Return standard output and standard error of a command in a pod of one container, 64 KiB of each at most.

    Raises KubeError when it was refused or ended with another code than 0; TimeoutError, aiohttp's and OS errors.
    """
    said: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray(), _STATUS: bytearray()}
    query = [("command", word) for word in command]
    async with asyncio.timeout(seconds), WsApiClient(api.configuration) as websockets:  # type: ignore[no-untyped-call]
        method, url, headers, _, _ = await websockets.param_serialize(
            method="GET",
            resource_path=namespaced("pods", namespace, pod, "exec"),
            query_params=[*query, ("stdout", "true"), ("stderr", "true")],
            header_params={},
            auth_settings=["BearerToken"],
        )
        try:
            answer = await websockets.call_api(method, url, headers, _preload_content=False)
            async with answer.response as pod_side:
                async for message in pod_side:
                    if message.type is aiohttp.WSMsgType.BINARY and message.data:
                        kept = said.get(message.data[0])
                        if kept is not None:
                            kept += message.data[1 : 1 + _MOST_BYTES - len(kept)]
        except aiohttp.WSServerHandshakeError as error:
            raise KubeError(error.status, "", f"The API server refused to run a command in pod {pod}") from error
    _check(pod, bytes(said[_STATUS]))
    return said[_STDOUT].decode(errors="replace"), said[_STDERR].decode(errors="replace")


def _check(pod: str, status: bytes) -> None:
    """Raise KubeError unless the command's metav1.Status says that it ended well."""
    try:
        found = json.loads(status)
        failed = found.get("status") != "Success"
    except (ValueError, AttributeError):
        raise KubeError(502, "", f"The command in pod {pod} ended without a word about how") from None
    if failed:
        raise KubeError(500, "", f"The command in pod {pod} failed: {found.get('message', '')}")
