"""Where the data of a document lie while it is laid out, and that nothing of them stays."""

from __future__ import annotations

import gc
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from svc.adapters import typesetting
from svc.adapters.renderer import TypstRenderer
from svc.rendering import (
    RenderFailed,
)
from tests.support.renderings import KINDS, final


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the data of a document lie while it is laid out; the disk is beside it."""
    for name in ("memory", "disk"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(typesetting, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    return tmp_path / "memory"


def test_what_it_was_given_is_nowhere_afterwards(memory: Path) -> None:
    renderer = TypstRenderer(KINDS)
    renderer.render(final(KINDS.get("kgb"), place="Kota Rahasia"))
    with pytest.raises(RenderFailed):
        renderer.render(final(KINDS.get("kgb"), place="Kota Rahasia \U0001f600"))
    (folder,) = memory.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = [path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()]
    assert kept
    assert not any("Rahasia" in text for text in kept)
    child = os.fork()
    if not child:
        del renderer
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.exists()  # a child that ends takes nothing from its parent
    renderer.render(final(KINDS.get("kgb")))
    del renderer
    gc.collect()
    assert not list(memory.iterdir())
    assert not list((memory.parent / "disk").iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(memory: Path) -> None:
    renderer = TypstRenderer(KINDS)
    renderer.render(final(KINDS.get("kgb")))
    (living,) = memory.iterdir()
    subprocess.run([sys.executable, "-c", _KILLED, str(memory)], check=True)
    (left,) = set(memory.iterdir()) - {living}
    assert "Rahasia" in next(left.rglob("request.json")).read_text("utf-8")
    assert TypstRenderer(KINDS).render(final(KINDS.get("kgb"))).pages == 1
    assert not left.exists()
    assert renderer.render(final(KINDS.get("kgb"))).pages == 1
    assert living.exists()


_KILLED = """
import os, sys, pathlib
from svc.adapters import typesetting
from svc.adapters.renderer import TypstRenderer
from svc.kinds import KindCatalogue
typesetting._MEMORY = pathlib.Path(sys.argv[1])
setter = TypstRenderer(KindCatalogue.load())._typesetter()
setter._write("Rahasia")
os._exit(0)
"""


def test_the_disk_serves_where_memory_is_missing_or_full(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = TypstRenderer(KINDS)
    expected = filled.render(final(KINDS.get("kgb"))).pdf
    (request,) = (path.with_name("request.json") for path in memory.rglob("lib.typ"))
    request.symlink_to("/dev/full")  # what is written there finds no room
    assert filled.render(final(KINDS.get("kgb"))).pdf == expected
    assert not request.is_symlink()
    monkeypatch.setattr(typesetting, "_MEMORY", memory / "missing")
    assert TypstRenderer(KINDS).render(final(KINDS.get("kgb"))).pdf == expected
    assert not list((memory.parent / "disk").rglob("request.json"))
