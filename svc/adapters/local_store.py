"""Object store in a folder: write, flush, link into place, flush the folder. Never overwrites.

What is being written lies in one folder beside the objects, so that what a crash left there is found at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from svc import failpoints
from svc.ports import NewObject, ObjectConflict, ObjectMissing, StoredObject, StoreUnavailable

_SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_UNDER_WAY = ".put"  # no key begins with a dot


class LocalStore:
    """Objects as files. ``retain_until`` makes the file read-only; real retention needs an S3 store."""

    def __init__(self, root: Path) -> None:
        self._root, self._under_way = root, root / _UNDER_WAY
        for folder in (root, self._under_way):
            folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)

    def put(
        self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None
    ) -> StoredObject:
        self.put_many((NewObject(key, data, media_type, retain_until),))
        return StoredObject(key, len(data), hashlib.sha256(data).hexdigest())

    def put_many(self, objects: Sequence[NewObject]) -> None:
        """Everything is written before the first of it is flushed, and on its way to the disk by then: one commit of
        the journal serves them all."""
        changed: dict[Path, None] = {}
        waiting: list[tuple[NewObject, Path, Path]] = []
        try:
            for one in objects:
                path = self._path(one.key)
                if path.exists():
                    _ensure_same(path, one)
                    changed[path.parent] = None  # whoever linked it may not have come to that yet
                    continue
                self._make_folders(path.parent, changed)
                failpoints.reach("store.before_write")
                waiting.append((one, path, self._write(one)))
            _sync_all([temporary for _, _, temporary in waiting])
            for one, path, temporary in waiting:
                failpoints.reach("store.before_rename")
                _link(temporary, path, one)
                failpoints.reach("store.after_rename")
                changed[path.parent] = None
            _sync_all(list(changed), os.O_DIRECTORY)
        except OSError as error:
            raise StoreUnavailable(str(error.strerror)) from error
        finally:
            for _, _, temporary in waiting:
                temporary.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        except OSError as error:
            raise StoreUnavailable(str(error.strerror)) from error

    def stat(self, key: str) -> StoredObject:
        data = self.get(key)
        return StoredObject(key, len(data), hashlib.sha256(data).hexdigest())

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder = self._root / prefix.rpartition("/")[0]  # a store may hold millions of files
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and self._under_way not in path.parents and key.startswith(prefix):
                yield self.stat(key)

    def sweep(self, before: datetime) -> int:
        """A writer that takes longer than that finds its file gone, which is an error like a full disk."""
        swept = 0
        try:
            for path in self._under_way.iterdir():
                try:
                    is_old = datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
                except FileNotFoundError:  # its writer came to its end
                    continue
                if is_old:
                    path.unlink(missing_ok=True)
                    swept += 1
        except OSError as error:
            raise StoreUnavailable(str(error.strerror)) from error
        return swept

    def ping(self) -> None:
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise StoreUnavailable(f"{self._root.name} cannot be written")

    def _path(self, key: str) -> Path:
        if not _SAFE_KEY.fullmatch(key):
            raise ValueError("unsafe object key")
        return self._root / key

    def _make_folders(self, folder: Path, changed: dict[Path, None]) -> None:
        """Make what is missing; the folders in which something was made are noted, to be flushed."""
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for made in reversed(missing):
            made.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            changed[made.parent] = None

    def _write(self, one: NewObject) -> Path:
        """Write to a temporary file, not flushed yet; nothing is left of it when that fails."""
        handle, name = tempfile.mkstemp(dir=self._under_way)
        try:
            with os.fdopen(handle, "wb") as file:
                half = len(one.data) // 2
                file.write(one.data[:half])
                failpoints.reach("store.half_written")
                file.write(one.data[half:])
                file.flush()
                os.fchmod(file.fileno(), 0o400 if one.retain_until is not None else _FILE_MODE)
                if hasattr(os, "posix_fadvise"):  # Linux; it begins to write the file to the disk
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        except BaseException:
            Path(name).unlink()
            raise
        return Path(name)


def _link(temporary: Path, path: Path, one: NewObject) -> None:
    try:
        os.link(temporary, path)  # fails when the name is taken: nothing is ever overwritten
    except FileExistsError:
        _ensure_same(path, one)


def _ensure_same(path: Path, one: NewObject) -> None:
    """:raises ObjectConflict: other bytes stand there"""
    if path.read_bytes() != one.data:
        raise ObjectConflict(one.key)


def _sync_all(paths: Sequence[Path], flags: int = 0) -> None:
    for path in paths:
        handle = os.open(path, os.O_RDONLY | flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
