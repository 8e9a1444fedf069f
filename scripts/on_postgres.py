"""Run a command with ``PARAF_TEST_DATABASE_URL`` naming a private, throw-away PostgreSQL server.

The server's programs are looked for in PATH and in Debian's places. Where there are none the command is not
run, this says so, and the exit code is 0, or 1 when ``PARAF_REQUIRE_ALL`` is set.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 40


def main(command: Sequence[str]) -> int:
    binaries = find_binaries()
    if binaries is None:
        print("SKIPPED: PostgreSQL server programs (initdb, postgres) not found; nothing was tested on it")
        return 1 if os.environ.get("PARAF_REQUIRE_ALL") else 0
    with private_server(binaries) as url:
        return subprocess.call(command, env={**os.environ, "PARAF_TEST_DATABASE_URL": url})


def find_binaries() -> Path | None:
    """The folder that holds initdb and postgres, newest version first."""
    in_path = shutil.which("initdb")
    places = [Path(in_path).parent] if in_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


@contextmanager
def private_server(binaries: Path) -> Iterator[str]:
    """A server on a free loopback port with its data in a temporary folder; yields a SQLAlchemy URL."""
    with tempfile.TemporaryDirectory(prefix="paraf-pg-") as folder:
        data = Path(folder) / "data"
        prefix, account = unprivileged(Path(folder))
        subprocess.run([*prefix, str(binaries / "initdb"), "-D", str(data), "-U", account, "-A", "trust",
                        "--no-sync", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        # Throw-away data: durability is not what these tests are about.
        options = ["-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off",
                   "-c", "max_connections=300", "-c", "log_min_messages=fatal"]
        server = subprocess.Popen([*prefix, str(binaries / "postgres"), "-D", str(data), *options])
        try:
            wait_for(port)
            yield f"postgresql+psycopg://{account}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(30)


def unprivileged(folder: Path) -> tuple[list[str], str]:
    """PostgreSQL refuses to run as root: hand over to its own account there."""
    if os.geteuid() != 0:
        return [], pwd.getpwuid(os.geteuid()).pw_name
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"], "postgres"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                time.sleep(0.3)
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("PostgreSQL did not start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
