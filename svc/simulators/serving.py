"""A simulator's own threaded server."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: what is worth saying is said by the simulator itself."""


class Door:
    """An address that listens already, for whoever must know it before there is an application to answer there.

    ``port`` 0 takes a free one. :raises OSError: the address cannot be had
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.socket = socket.create_server((host, port), backlog=128)
        self.port: int = self.socket.getsockname()[1]
        self.base_url = f"http://{host}:{self.port}"


class LocalServer:
    """An application, answering at a door from construction to :meth:`stop`, which closes it."""

    def __init__(self, app: Flask, door: Door | None = None) -> None:
        door = door or Door()
        with door.socket:  # the server has its own copy
            self._server = make_server(door.host, door.port, app, threaded=True, request_handler=_QuietHandler,
                                       fd=door.socket.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.base_url = door.base_url

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
