"""A forwarded port, with an API server that plays the pod's side."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from kubernetes.aio import client

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.tunnel import tunnel
from tests.cluster.doctor import free_port

PORT = 8443
SIZE = 1 << 20


async def pod(request: web.Request) -> web.WebSocketResponse:
    """Gives back what it gets, and says how it was asked; `refused` ends with an error, as when nobody listens."""
    assert request.query["ports"] == str(PORT)
    assert request.headers["authorization"] == "Bearer secret"
    socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"], max_msg_size=4 * SIZE)
    await socket.prepare(request)
    for channel in (0, 1):
        await socket.send_bytes(bytes([channel]) + PORT.to_bytes(2, "little"))
    async for message in socket:
        assert message.type is WSMsgType.BINARY
        assert message.data[0] == 0
        if request.match_info["pod"] == "refused":
            await socket.send_bytes(b"\x01connection refused")
            break
        await socket.send_bytes(message.data)
    return socket


async def forwarded(folder: Path, name: str, data: bytes) -> bytes:
    """What comes back through a tunnel to that pod."""
    application, port = web.Application(), free_port()
    application.router.add_get("/api/v1/namespaces/dagy-system/pods/{pod}/portforward", pod)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}", api_key={"BearerToken": "Bearer secret"})
    api = KubeApi(client.ApiClient(configuration))
    try:
        async with asyncio.timeout(60), tunnel(api, "dagy-system", name, PORT, folder / "socket"):
            return await _exchanged(folder / "socket", data)
    finally:
        await api.close()
        await runner.cleanup()


async def _exchanged(socket: Path, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)

    async def send() -> None:
        writer.write(data)
        await writer.drain()

    sending: asyncio.Task[Any] = asyncio.create_task(send())
    try:
        return await reader.readexactly(len(data))
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    finally:
        sending.cancel()
        writer.close()


def test_what_passes_is_whole_in_both_directions(tmp_path: Path) -> None:
    data = bytes(range(256)) * (SIZE // 256)
    assert asyncio.run(forwarded(tmp_path, "dagy-api-1", data)) == data


def test_where_nobody_listens_the_connection_ends(tmp_path: Path) -> None:
    assert asyncio.run(forwarded(tmp_path, "refused", b"hello")) == b""
    assert asyncio.run(forwarded(tmp_path, "no/such/pod", b"hello")) == b""
