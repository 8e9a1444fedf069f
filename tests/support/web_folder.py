"""A small HTTP server on loopback: files by path, and posts answered by a function; it remembers what was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebFolder:
    """``files`` and ``posts`` may be filled while it runs."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    posts: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def web_folder() -> Iterator[WebFolder]:
    folder = WebFolder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder.asked.append(self.path)
            if self.path in folder.moved:
                self.send_response(302)
                self.send_header("Location", folder.moved[self.path])
                self.end_headers()
                return
            self._answer(folder.files.get(self.path))

        def do_POST(self) -> None:
            folder.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = folder.posts.get(self.path)
            self._answer(answer(body) if answer else None)

        def _answer(self, data: bytes | None) -> None:
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    folder.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield folder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
