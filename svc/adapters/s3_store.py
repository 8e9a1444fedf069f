"""Object store on MinIO or another S3 server, by the ``minio`` SDK: versioning and object lock.

Retention is COMPLIANCE: nobody, not even the account's owner, shortens it or deletes the version before its time.
Objects are written once: each is one conditional request (``If-None-Match: *``), which the server refuses when
something stands under the key, so that of two writers with other bytes one is told.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE, ENABLED
from minio.error import MinioException, S3Error
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig

from svc import failpoints
from svc.ports import NewObject, ObjectConflict, ObjectMissing, StoredObject, StoreUnavailable
from svc.settings import Settings

_DIGEST = "x-amz-meta-sha256"
_MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}
_BUCKET_EXISTS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_OBJECT_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_SMALLEST_PART = 5 * 1024 * 1024
_AT_ONCE = 12


class _WriteOncePool(urllib3.PoolManager):
    """Makes uploads conditional. The SDK has no argument for that header, which need not be signed."""

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request (called by the SDK)."""
        headers = options.get("headers") or {}
        if method == "PUT" and any(name.lower() == _DIGEST for name in headers):
            headers = urllib3.HTTPHeaderDict(headers)
            headers["If-None-Match"] = "*"
            options["headers"] = headers
        return super().urlopen(method, url, redirect, **options)


class S3Store:
    """Immutable objects in a bucket, which is made with versioning and object lock when missing."""

    def __init__(self, settings: Settings) -> None:
        pool = _WriteOncePool(
            timeout=urllib3.Timeout(connect=3, read=20), maxsize=16,
            retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]))
        self._bucket = settings.s3_bucket
        self._client = Minio(
            endpoint=settings.s3_endpoint, access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(), secure=settings.s3_secure, http_client=pool)
        self._is_ready = False

    def put(
        self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None
    ) -> StoredObject:
        wanted = StoredObject(key, len(data), hashlib.sha256(data).hexdigest())
        try:
            return self._same(wanted)
        except ObjectMissing:
            self._put(NewObject(key, data, media_type, retain_until), wanted.sha256)
        return self._same(wanted)

    def put_many(self, objects: Sequence[NewObject]) -> None:
        """Side by side, one request each; success is the server's word that it has all of it."""
        with _mapped(self._bucket):
            self._ensure_bucket()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(self._put_new, objects):
                pass

    def _put_new(self, one: NewObject) -> None:
        digest = hashlib.sha256(one.data).hexdigest()
        if not self._put(one, digest):
            self._same(StoredObject(one.key, len(one.data), digest))

    def _put(self, one: NewObject, digest: str) -> bool:
        """Upload unless something stands there; whether it was uploaded."""
        retention = Retention(COMPLIANCE, one.retain_until) if one.retain_until else None
        with _mapped(one.key):
            try:
                failpoints.reach("s3.before_put")
                self._client.put_object(
                    bucket_name=self._bucket, object_name=one.key, data=io.BytesIO(one.data), length=len(one.data),
                    part_size=max(len(one.data), _SMALLEST_PART), content_type=one.media_type,
                    metadata={"sha256": digest}, retention=retention)
                failpoints.reach("s3.after_put")
            except S3Error as error:
                if error.code not in _OBJECT_EXISTS:
                    raise  # else somebody was faster, or our own first try got through: compare
                return False
        return True

    def get(self, key: str) -> bytes:
        with _mapped(key):
            self._ensure_bucket()
            answer = self._client.get_object(bucket_name=self._bucket, object_name=key)
            try:
                data: bytes = answer.read()
            finally:
                answer.close()
                answer.release_conn()
            expected = answer.headers.get("content-length")
            if expected is not None and int(expected) != len(data):
                raise StoreUnavailable("the answer was cut short")
            return data

    def stat(self, key: str) -> StoredObject:
        with _mapped(key):
            self._ensure_bucket()
            found = self._client.stat_object(bucket_name=self._bucket, object_name=key)
            digest = (found.metadata or {}).get(_DIGEST)
        if digest is None:
            digest = hashlib.sha256(self.get(key)).hexdigest()
        return StoredObject(key, int(found.size or 0), digest)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with _mapped(prefix):
            self._ensure_bucket()
            names = [item.object_name for item in self._client.list_objects(
                bucket_name=self._bucket, prefix=prefix, recursive=True)]
        for name in sorted(name for name in names if name):
            yield self.stat(name)

    def sweep(self, before: datetime) -> int:
        """Nothing: each object is one request (``part_size`` is never below its length), which leaves no parts."""
        return 0

    def ping(self) -> None:
        with _mapped(self._bucket):
            self._ensure_bucket()
            self._client.bucket_exists(bucket_name=self._bucket)

    def _same(self, wanted: StoredObject) -> StoredObject:
        """What stands there. :raises ObjectMissing: nothing. :raises ObjectConflict: something else."""
        found = self.stat(wanted.key)
        if (found.size, found.sha256) != (wanted.size, wanted.sha256):
            raise ObjectConflict(wanted.key)
        return found

    def _ensure_bucket(self) -> None:
        if self._is_ready:
            return
        if not self._client.bucket_exists(bucket_name=self._bucket):
            try:
                self._client.make_bucket(bucket_name=self._bucket, object_lock=True)
            except S3Error as error:
                if error.code not in _BUCKET_EXISTS:
                    raise
            self._client.set_bucket_versioning(bucket_name=self._bucket, config=VersioningConfig(ENABLED))
        elif self._client.get_bucket_versioning(bucket_name=self._bucket).status != ENABLED:
            raise StoreUnavailable("the bucket exists, but without versioning and object lock")
        self._is_ready = True


@contextmanager
def _mapped(key: str) -> Iterator[None]:
    """Turn the SDK's errors into the port's."""
    try:
        yield
    except S3Error as error:
        if error.code in _MISSING:
            raise ObjectMissing(key) from error
        raise StoreUnavailable(f"S3: {error.code}") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from error
