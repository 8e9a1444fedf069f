"""Object store in a folder: write, fsync, link into place, fsync of the folder. Never overwrites."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from svc import failpoints
from svc.ports import ObjectConflict, ObjectMissing, StoredObject, StoreUnavailable

_SAFE_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


class LocalStore:
    """Objects as files. ``retain_until`` makes the file read-only; real retention needs an S3 store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)

    def put(
        self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None
    ) -> StoredObject:
        path = self._path(key)
        found = StoredObject(key, len(data), hashlib.sha256(data).hexdigest())
        try:
            if path.exists():
                return self._same(path, found)
            self._make_folders(path.parent)
            failpoints.reach("store.before_write")
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".put-")
            try:
                self._write(handle, data, read_only=retain_until is not None)
                failpoints.reach("store.before_rename")
                os.link(temporary, path)  # fails when the name is taken: nothing is ever overwritten
            except FileExistsError:
                return self._same(path, found)
            finally:
                Path(temporary).unlink()
            failpoints.reach("store.after_rename")
            _sync_folder(path.parent)
        except OSError as error:
            raise StoreUnavailable(str(error.strerror)) from error
        return found

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
            if path.is_file() and not path.name.startswith(".put-") and key.startswith(prefix):
                yield self.stat(key)

    def ping(self) -> None:
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise StoreUnavailable(f"{self._root.name} cannot be written")

    def _path(self, key: str) -> Path:
        if not _SAFE_KEY.fullmatch(key):
            raise ValueError("unsafe object key")
        return self._root / key

    def _same(self, path: Path, wanted: StoredObject) -> StoredObject:
        if hashlib.sha256(path.read_bytes()).hexdigest() != wanted.sha256:
            raise ObjectConflict(wanted.key)
        _sync_folder(path.parent)  # whoever linked it may not have come to that yet
        return wanted

    def _make_folders(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for made in reversed(missing):
            made.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _sync_folder(made.parent)

    @staticmethod
    def _write(handle: int, data: bytes, *, read_only: bool) -> None:
        with os.fdopen(handle, "wb") as file:
            half = len(data) // 2
            file.write(data[:half])
            failpoints.reach("store.half_written")
            file.write(data[half:])
            file.flush()
            os.fchmod(file.fileno(), 0o400 if read_only else _FILE_MODE)
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
