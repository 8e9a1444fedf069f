"""Engine, sessions and the unit of work. The only file that commits or rolls back.

SQLite polls for its write lock, ever more rarely, which makes tails of seconds with several writers (measured). So
writers queue before it, those of one process on a lock, all processes on a file beside the database, where the kernel
wakes whoever waits; and every write transaction starts with ``BEGIN IMMEDIATE``. Processes that work in bulk queue
among themselves first, so that a person waits for about one of their transactions, not for one of each (measured).
PostgreSQL needs none of it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from svc import failpoints

_BUSY_TIMEOUT_MS = 15_000
_BEGUN = "begun"
OnWork = Callable[[str, str], None]


def tell_of_work(session: Session, batch_id: str, work: str) -> None:
    """Have the workers told of this work once the present transaction is committed; if it is not, nobody is told."""
    session.info.setdefault(_BEGUN, {})[batch_id] = work


class Database:
    """Owns the engine. ``unit_of_work`` is one write transaction, ``read_session`` sees one snapshot.

    :param on_work: told, after each commit, of the work on batches that began with it; it must not raise
    """

    def __init__(self, url: str, *, pool_size: int = 10, on_work: OnWork | None = None) -> None:
        self.url = url
        self._on_work = on_work
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _create_engine(url, pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, autoflush=True)
        self._writer = threading.Lock()
        self._writing = threading.local()
        self._give_way: Callable[[], None] | None = None

    def give_way(self, pause: Callable[[], None] = lambda: None) -> None:
        """From now on writers of this process let those of others go first, as one that works in bulk should.

        :param pause: called before each transaction, while nothing is held
        """
        self._give_way = pause

    @contextmanager
    def unit_of_work(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        if getattr(self._writing, "active", False):
            raise RuntimeError("units of work do not nest: pass the session on instead")
        if self._give_way is not None:
            self._give_way()
        self._writing.active = True
        try:
            if self.is_sqlite:
                with self._writer, self._turn(), self._transaction(immediate=True) as session:
                    yield session
            else:
                with self._transaction() as session:
                    yield session
        finally:
            self._writing.active = False
        if self._on_work is not None:  # outside the lock: nobody waits for a broker to write
            for batch_id, work in session.info.get(_BEGUN, {}).items():
                self._on_work(batch_id, work)

    @contextmanager
    def read_session(self) -> Iterator[Session]:
        """A session for reading; whatever it changed is thrown away."""
        session = self._sessions()
        try:
            yield session
        finally:
            session.close()  # rolls back; what was loaded stays readable, which rollback() would expire

    def ping(self) -> None:
        """Ask the database for a one. :raises sqlalchemy.exc.SQLAlchemyError: it does not answer."""
        with self.read_session() as session:
            session.execute(text("SELECT 1"))

    def dispose(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        place = self.engine.url.database
        with _in_line(place, "bulk") if self._give_way is not None else nullcontext(), _in_line(place, "line"):
            yield

    @contextmanager
    def _transaction(self, *, immediate: bool = False) -> Iterator[Session]:
        session = self._sessions()
        if immediate:
            session.connection(execution_options={"paraf_immediate": True})
        try:
            yield session
            failpoints.reach("db.before_commit")
            session.commit()
            failpoints.reach("db.after_commit")
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()


@contextmanager
def _in_line(database: str | None, line: str) -> Iterator[None]:
    """Hold the only place at the head of a line for this SQLite file. A process that ends in any way has left it."""
    if not database or database == ":memory:" or sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        place = os.open(f"{database}-{line}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # no such folder, or a full disk: SQLite itself says so, in its own words
        yield
        return
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _create_engine(url: str, pool_size: int) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True,
                             hide_parameters=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "isolation_level": None},
                           hide_parameters=True)  # errors are logged, and parameters carry NIPs

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                       f"busy_timeout={_BUSY_TIMEOUT_MS}", "cache_size=-32000", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # The driver must not open transactions by itself: its deferred BEGIN upgrades to a write
        # lock half way and then fails with SQLITE_BUSY at once instead of waiting.
        immediate = connection.get_execution_options().get("paraf_immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
