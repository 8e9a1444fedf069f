"""A private RabbitMQ server on loopback, in a folder of its own; it keeps its queues when it is started there again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.s3 import ServerMissing, free_port

_START_SECONDS = 90
# The one on the path, of Debian, changes to a user of its own first.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@contextlib.contextmanager
def rabbitmq_server(folder: Path, port: int = 0) -> Iterator[str]:
    """Yields its URL; ``port`` 0: a free one.

    :raises ServerMissing: the program ``rabbitmq-server`` is not on this machine
    """
    program = str(_PROGRAM) if _PROGRAM.exists() else shutil.which("rabbitmq-server")
    if program is None:
        raise ServerMissing("rabbitmq-server (Debian package rabbitmq-server)")
    port = port or free_port()
    (folder / "rabbit.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "RABBITMQ_CONFIG_FILE": str(folder / "rabbit"),
        "RABBITMQ_NODENAME": f"paraf{port}@localhost", "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"), "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1"}
    with (folder / "rabbit.log").open("ab") as log:
        process = subprocess.Popen(
            [program], stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True)
        try:
            _wait(port, process, folder / "rabbit.log")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
            # The name service of Erlang makes itself a daemon, and would stay.
            subprocess.run(["epmd", "-kill"], env=environment, stdout=subprocess.DEVNULL, check=False)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as line:
            line.settimeout(5)
            line.sendall(b"AMQP\x00\x00\x09\x01")
            if line.recv(1):
                return
        time.sleep(0.2)
    raise RuntimeError(f"RabbitMQ did not start:\n{log.read_text()[-2000:]}")
