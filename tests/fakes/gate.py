"""A TCP port that refuses connections until it is opened, and then leads to another one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Gate:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target` once `open` was called."""

    def __init__(self, target: int) -> None:
        self._target = target
        # Bound but not listening: the port is ours, and connections to it are refused.
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.bind(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        """Let connections through from now on."""
        self._server.listen()
        self._start(self._accept)

    def close(self) -> None:
        """End everything."""
        for one in (self._server, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                self._start(self._copy, client, server)
                self._start(self._copy, server, client)

    def _start(self, run: object, *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=run, args=arguments))  # type: ignore[arg-type]
        self._threads[-1].start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
