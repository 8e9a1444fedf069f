"""Typst with the data of one document after the other.

Data is handed over as the JSON file of a package ``@paraf/request`` in a folder of the compiler's own. Given as
``sys.inputs`` it would be part of the language's library, so that every template were evaluated anew for every
document: a tenth of the time of a one-page letter.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import typst

from svc.rendering import RenderFailed

# ISO 19005-2, level A: tagged, Unicode, fonts embedded.
STANDARD: Final = "a-2a"
# Where files are memory: making one waits for no disk that others are writing to.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder is made by mkdtemp
_PREFIX: Final = "paraf-request-"
_PACKAGE: Final = Path("paraf", "request", "1.0.0")
_MANIFEST: Final = '[package]\nname = "request"\nversion = "1.0.0"\nentrypoint = "lib.typ"\n'
_ENTRY: Final = '#let d = json("request.json")\n'


class Typesetter:
    """One template, for one thread; reads nothing beyond ``root`` and the data, and no network.

    The template has ``#import "@paraf/request:1.0.0": d``. The folder for the data is readable by this account only,
    is empty between two documents, and goes with the object; what a killed process left there goes when the next one
    makes its own. It is in memory, or on the disk where that is missing or full.
    """

    def __init__(self, template: Path, root: Path, fonts: typst.Fonts) -> None:
        """:raises OSError: there is no place for the folder"""
        self._asked = template, root, fonts
        self._leave: Callable[[], object] = lambda: None
        try:
            self._settle(_MEMORY)
        except OSError:  # no such file system here, closed to us, or full
            self._settle(Path(tempfile.gettempdir()))

    def _settle(self, place: Path) -> None:
        """Have the folder there, and none elsewhere. :raises OSError: there is no place; all is as it was"""
        _sweep(place)
        packages, lock = _make_folder(place)
        leave = weakref.finalize(self, _remove, packages, lock, os.getpid())
        folder = packages / _PACKAGE
        try:
            folder.mkdir(parents=True)
            (folder / "typst.toml").write_text(_MANIFEST, encoding="ascii")
            (folder / "lib.typ").write_text(_ENTRY, encoding="ascii")
        except OSError:
            leave()
            raise
        template, root, fonts = self._asked
        self._compiler = typst.Compiler(
            input=str(template), root=str(root), font_paths=fonts, ignore_system_fonts=True,
            package_path=str(packages), package_cache_path=str(packages))
        self._data = folder / "request.json"
        self._leave()
        self._leave = leave

    def typeset(self, data: Mapping[str, Any], created_at: datetime, marked: str = "") -> tuple[bytes, list[Any]]:
        """The PDF (``created_at`` is its date), and the values of the metadata that bears the label ``marked``.

        :raises RenderFailed: the template cannot be laid out with these data
        :raises OSError: no room for the data
        """
        try:
            self._write(json.dumps(data, ensure_ascii=False))
            pdf = self._compiler.compile(format="pdf", pdf_standards=STANDARD, timestamp=created_at)
            # Asks the layout just made (it is cached), so the second call costs next to nothing.
            values = json.loads(self._compiler.query(f"<{marked}>", field="value")) if marked else []
        except typst.TypstError as error:
            raise RenderFailed(f"layout failed: {error.message}", detail=error.diagnostic) from error
        except RuntimeError as error:
            raise RenderFailed("layout failed", detail=str(error)) from error
        finally:
            self._data.unlink(missing_ok=True)
        if not isinstance(pdf, bytes):
            raise RenderFailed("the compiler gave no PDF")
        return pdf, values

    def _write(self, data: str) -> None:
        try:
            self._data.write_text(data, encoding="utf-8")
        except OSError:  # memory is full: the disk has room, or says so
            self._data.unlink(missing_ok=True)
            self._settle(Path(tempfile.gettempdir()))
            self._data.write_text(data, encoding="utf-8")


def _make_folder(place: Path) -> tuple[Path, int]:
    """A folder, and the handle that locks it as long as its process lives. It has its name only when it is locked."""
    made = Path(tempfile.mkdtemp(prefix=f"new-{_PREFIX}", dir=place))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(made.with_name(made.name.removeprefix("new-"))), lock


def _sweep(place: Path) -> None:
    """Remove the folders of this account that nobody holds any more."""
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # of another account, or gone
            continue
        try:
            if os.fstat(handle).st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # in use
            continue
        finally:
            os.close(handle)


def _remove(folder: Path, lock: int, owner: int) -> None:
    """A forked process that ends must not take the folder of the one it came from."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
