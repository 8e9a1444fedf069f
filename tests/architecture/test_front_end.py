"""What the browser gets: vendored files as recorded, nothing inline, nothing from elsewhere, every icon there."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "svc" / "static"
HTML = sorted((ROOT / "templates" / "html").rglob("*.html"))
OWN = [*HTML, *sorted((STATIC / "css").glob("*.css")), *sorted((STATIC / "js").glob("*.js"))]
ICON = re.compile(r"""(?:\bicon\(|icon_name=|\.icon or )["']([a-z0-9-]+)["']""")
INLINE = re.compile(r"""<script(?![^>]*\bsrc=)|<style\b|\sstyle=["']|\son[a-z]+=["']|javascript:""")


@pytest.mark.parametrize("folder", [STATIC / "vendor", ROOT / "tests" / "browser" / "vendor"], ids=["static", "tests"])
def test_vendored_files_are_exactly_those_recorded(folder: Path) -> None:
    manifest = tomllib.loads((folder / "MANIFEST.toml").read_text("utf-8"))
    recorded = {path: digest for package in manifest["package"] for path, digest in package["sha256"].items()}
    present = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*/**/*")
        if path.is_file()
    }
    assert present == recorded
    for package in manifest["package"]:
        assert (folder / f"{package['name']}-{package['version']}" / "LICENSE").is_file()


@pytest.mark.parametrize("path", HTML, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_templates_keep_to_the_strict_policy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert INLINE.findall(text) == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    assert re.findall(r"""(?:src=|href=|url\(|import\s|fetch\()["'(]?https?://[^"')]+""", path.read_text("utf-8")) == []


def test_every_icon_that_templates_name_is_in_the_sprite() -> None:
    sprite = next((STATIC / "vendor").glob("tabler-icons-*/sprite.svg")).read_text("utf-8")
    there = set(re.findall(r'<symbol id="i-([a-z0-9-]+)"', sprite))
    named = {name for path in HTML for name in ICON.findall(path.read_text("utf-8"))}
    assert named - there == set()
    assert len(named) > 20
