"""Batches of this machine see when somebody who signed in waits for what his act does, and only then."""

from __future__ import annotations

import sys

import pytest
from flask import Flask, request

from svc.deps import Deps
from tests.support.world import World
from tests.web.conftest import Visitor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sign is a lock of the kernel's on a file")


def test_batches_see_an_act_and_no_reading_and_no_stranger(app: Flask, deps: Deps, world: World) -> None:
    seen: list[tuple[str, str, bool]] = []
    app.before_request(lambda: seen.append((request.method, request.path, _somebody_waits(deps))))
    visitor = Visitor(app.test_client())
    visitor.log_in("analis")
    visitor.get("/inbox")
    visitor.post("/notices/read")
    told = {(method, path): waits for method, path, waits in seen}
    assert told[("POST", "/login")] is False
    assert told[("GET", "/inbox")] is False
    assert told[("POST", "/notices/read")] is True
    assert not _somebody_waits(deps)


def _somebody_waits(deps: Deps) -> bool:
    import fcntl

    with (deps.settings.var_dir / "people").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
