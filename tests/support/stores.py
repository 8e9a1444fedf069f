"""Object stores looked at from outside, and such that misbehave on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from svc.ports import NewObject, ObjectStore, StoredObject, StoreUnavailable


@dataclass
class FaultyStore:
    """A real store that fails to take files of one purpose."""

    inner: ObjectStore
    refuses: str

    def put(self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None) -> StoredObject:
        if self.refuses in key:
            raise StoreUnavailable("full")
        return self.inner.put(key, data, media_type=media_type, retain_until=retain_until)

    def put_many(self, objects: Sequence[NewObject]) -> None:
        if any(self.refuses in one.key for one in objects):
            raise StoreUnavailable("full")
        self.inner.put_many(objects)

    def get(self, key: str) -> bytes:
        return self.inner.get(key)

    def stat(self, key: str) -> StoredObject:
        return self.inner.stat(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return self.inner.list(prefix)

    def sweep(self, before: datetime) -> int:
        return self.inner.sweep(before)

    def ping(self) -> None:
        self.inner.ping()


class Bucket:
    """The files of a store under some prefixes, read whole, for whoever looks only at files."""

    def __init__(self, store: ObjectStore, prefixes: Sequence[str]) -> None:
        self._store, self._prefixes = store, prefixes

    def names(self) -> list[str]:
        return [one.key for prefix in self._prefixes for one in self._store.list(prefix)]

    def read(self, name: str) -> bytes:
        return self._store.get(name)
