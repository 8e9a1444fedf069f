"""A private Redis server on loopback, kept in memory only."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.support.s3 import ServerMissing, free_port

_START_SECONDS = 20


@contextlib.contextmanager
def redis_server(folder: Path, port: int = 0, password: str = "") -> Iterator[str]:
    """Yields its URL, the password in it if one is asked; ``port`` 0: a free one.

    :raises ServerMissing: the program ``redis-server`` is not on this machine
    """
    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissing("redis-server (Debian package redis-server)")
    port = port or free_port()
    with (folder / "redis.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
             "--dir", str(folder), *(("--requirepass", password) if password else ())], stdout=log, stderr=log)
        try:
            _wait(port, password, process, folder / "redis.log")
            yield f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int, password: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with redis.Redis(host="127.0.0.1", port=port, password=password or None, socket_timeout=2) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.1)
            else:
                return
    raise RuntimeError(f"Redis did not start:\n{log.read_text()[-2000:]}")
