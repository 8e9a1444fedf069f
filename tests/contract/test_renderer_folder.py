"""Where the data of a document lie while it is laid out, and that nothing of them stays."""

from __future__ import annotations

import errno
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
from svc.rendering import RenderFailed
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


def open_descriptors() -> int:
    gc.collect()  # what earlier tests let go
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_full_place_is_left_at_once(memory: Path) -> None:
    """However often no room is found, folders and descriptors do not pile up."""
    renderer, disk = TypstRenderer(KINDS), memory.parent / "disk"
    renderer.render(final(KINDS.get("kgb")))
    before = open_descriptors()
    for _ in range(3):
        (request,) = (path.with_name("request.json") for path in memory.parent.rglob("lib.typ"))
        request.symlink_to("/dev/full")
        renderer.render(final(KINDS.get("kgb")))
        assert not list(memory.iterdir())
        assert len(list(disk.iterdir())) == 1
    assert open_descriptors() == before


def test_a_disk_that_is_full_too_keeps_nothing(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = TypstRenderer(KINDS)
    expected = renderer.render(final(KINDS.get("kgb"))).pdf
    before = open_descriptors()
    write_text = Path.write_text

    def write(path: Path, text: str, encoding: str) -> int:
        if path.name in {"request.json", "typst.toml"}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_text(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", write)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            renderer.render(final(KINDS.get("kgb")))
    assert not list((memory.parent / "disk").iterdir())
    assert open_descriptors() == before
    monkeypatch.setattr(Path, "write_text", write_text)
    assert renderer.render(final(KINDS.get("kgb"))).pdf == expected
