"""A database that is away is told in one line a round; a fault of ours keeps its trace."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from structlog.testing import capture_logs

from svc.outage import log_database_fault
from tests.support.s3 import free_port


def told(error: SQLAlchemyError) -> dict[str, object]:
    with capture_logs() as lines:
        log_database_fault(error)
    (line,) = lines
    return dict(line)


def test_a_server_that_is_away_is_one_line_with_the_reason() -> None:
    engine = create_engine(f"postgresql+psycopg://paraf@127.0.0.1:{free_port()}/paraf")
    with pytest.raises(OperationalError) as caught, engine.connect():
        pass
    line = told(caught.value)
    assert line["event"] == "database_unavailable"
    assert "refused" in str(line["why"])
    assert "exc_info" not in line


def test_a_fault_of_ours_keeps_its_trace() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE satu (nomor INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO satu VALUES (1)"))
        with pytest.raises(IntegrityError) as caught:
            connection.execute(text("INSERT INTO satu VALUES (1)"))
    engine.dispose()
    line = told(caught.value)
    assert line["event"] == "database_fault"
    assert line["exc_info"] is caught.value
    assert isinstance(caught.value.orig, sqlite3.IntegrityError)
