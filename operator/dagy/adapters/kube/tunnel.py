"""A way to a port of a pod through the API server (`kubectl port-forward`), as a Unix socket of this machine.

It is only as secure as the connection that is made through it: its users speak TLS with the pod.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio.stream import WsApiClient

from dagy.adapters.kube.api import KubeApi, namespaced

_CHUNK = 64 << 10
_DATA, _ERROR = 0, 1
"""The two channels of one port (v4.channel.k8s.io); each begins with a frame that holds the port's number."""


@asynccontextmanager
async def tunnel(api: KubeApi, namespace: str, pod: str, port: int, socket: Path) -> AsyncGenerator[None, None]:
    """Listen on `socket` while the block runs. Each connection is one to the pod; refused, it ends at once."""
    async with WsApiClient(api.configuration) as websockets:  # type: ignore[no-untyped-call]

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(aiohttp.ClientError, OSError):
                async with await _opened(websockets, namespace, pod, port) as pod_side:
                    await _pump(pod_side, reader, writer)
            writer.close()

        server = await asyncio.start_unix_server(connected, socket)
        try:
            yield
        finally:
            server.close()


async def _opened(
    websockets: WsApiClient, namespace: str, pod: str, port: int
) -> aiohttp.client._WSRequestContextManager:
    method, url, headers, _, _ = await websockets.param_serialize(
        method="GET",
        resource_path=namespaced("pods", namespace, pod, "portforward"),
        query_params=[("ports", str(port))],
        header_params={},
        auth_settings=["BearerToken"],
    )
    response = await websockets.call_api(method, url, headers, _preload_content=False)  # type: ignore[no-untyped-call]
    opening: aiohttp.client._WSRequestContextManager = response.response
    return opening


async def _pump(
    pod_side: aiohttp.ClientWebSocketResponse[Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Pass bytes both ways, until one side ends."""
    both = [asyncio.create_task(_send(reader, pod_side)), asyncio.create_task(_receive(pod_side, writer))]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _send(reader: asyncio.StreamReader, pod_side: aiohttp.ClientWebSocketResponse[Any]) -> None:
    while chunk := await reader.read(_CHUNK):
        await pod_side.send_bytes(bytes([_DATA]) + chunk)


async def _receive(pod_side: aiohttp.ClientWebSocketResponse[Any], writer: asyncio.StreamWriter) -> None:
    begun = set[int]()
    async for message in pod_side:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel = message.data[0]
        if channel not in begun:
            begun.add(channel)
        elif channel == _ERROR:
            return
        else:
            writer.write(message.data[1:])
            await writer.drain()
