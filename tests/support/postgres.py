"""A private PostgreSQL server on loopback."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from scripts.on_postgres import find_binaries, free_port, unprivileged, wait_for
from tests.support.s3 import ServerMissing

_START_SECONDS = 40


class PostgresServer:
    """A server of one's own that can be restarted the hard way. Its data outlives that, as on a real disk.

    :raises ServerMissing: PostgreSQL's programs are not on this machine
    """

    def __init__(self) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise ServerMissing("PostgreSQL server programs (Debian package postgresql)")
        # Not in the caller's folder: PostgreSQL runs as another account than root, which may not get there.
        self._place = TemporaryDirectory(prefix="paraf-pg-")
        self._folder, self._binaries = Path(self._place.name), binaries
        self._prefix, self._account = unprivileged(self._folder)
        subprocess.run([*self._prefix, str(binaries / "initdb"), "-D", str(self._folder / "data"), "-U", self._account,
                        "-A", "trust", "--no-sync", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL)
        self._port = free_port()
        self._process = self._start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{self._account}@127.0.0.1:{self._port}/{database}"

    def create(self, name: str, template: str = "") -> str:
        """A new database, a copy of another; its URL."""
        self._run(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
        return self.url(name)

    def create_for(self, account: str) -> str:
        """A new database and its owner, who may do nothing else, both of this name; its URL."""
        self._run(f"CREATE ROLE {account} LOGIN")
        self._run(f"CREATE DATABASE {account} OWNER {account}")
        return make_url(self.url(account)).set(username=account).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def restart_at_once(self) -> None:
        """All sessions end in the middle of whatever they do; what was committed comes back from the log."""
        self._end(signal.SIGQUIT)
        self._process = self._start()

    def stop(self) -> None:
        self._end(signal.SIGINT)
        self._place.cleanup()

    def _end(self, number: int) -> None:
        self._process.send_signal(number)
        self._process.wait(30)

    def _start(self) -> subprocess.Popen[bytes]:
        # The operating system stays up in these rounds, so that what was written to it is not lost.
        options = ["-p", str(self._port), "-h", "127.0.0.1", "-k", str(self._folder), "-c", "fsync=off",
                   "-c", "max_connections=200", "-c", "log_min_messages=fatal", "-c", "shared_buffers=64MB"]
        process = subprocess.Popen([*self._prefix, str(self._binaries / "postgres"), "-D", str(self._folder / "data"),
                                    *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._port)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers() and time.monotonic() < deadline:
            time.sleep(0.05)
        return process

    def _answers(self) -> bool:
        engine = create_engine(self.url())
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception:  # noqa: BLE001 - still recovering, whatever it says
            return False
        finally:
            engine.dispose()
        return True

    def _run(self, statement: str) -> None:
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()
