"""One contract for every object store: a local folder, SeaweedFS and MinIO, all real."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from minio import Minio
from minio.error import S3Error

from svc.adapters.local_store import LocalStore
from svc.adapters.s3_store import S3Store
from svc.ports import NewObject, ObjectConflict, ObjectMissing, ObjectStore, StoreUnavailable
from svc.settings import Settings
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, S3Server, ServerMissing, minio, seaweedfs

PDF = "application/pdf"
# MinIO cannot be had everywhere (it is built from source); PARAF_TEST_MINIO=none says so on purpose.
NAMES = ["seaweedfs"] if os.environ.get("PARAF_TEST_MINIO") == "none" else ["seaweedfs", "minio"]
SERVERS = [pytest.param(name, marks=pytest.mark.s3) for name in NAMES]
STORES = ["local", *SERVERS]


def settings_for(server: S3Server) -> Settings:
    return Settings.from_env({
        "PARAF_STORE": "s3", "PARAF_S3_ENDPOINT": server.endpoint, "PARAF_S3_SECURE": "false",
        "PARAF_S3_ACCESS_KEY": ACCESS_KEY, "PARAF_S3_SECRET_KEY": SECRET_KEY, "PARAF_S3_BUCKET": "paraf-test"},
        env_file=None)


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    folder = tmp_path_factory.mktemp(str(request.param))
    if request.param == "local":
        yield LocalStore(folder / "store")
        return
    start = seaweedfs if request.param == "seaweedfs" else minio
    try:
        with start(folder) as server:
            yield S3Store(settings_for(server))
    except ServerMissing as missing:
        pytest.skip(f"missing: {missing}")


def key_of(name: str = "a") -> str:
    return f"decrees/{uuid4().hex}/signed/{name}.pdf"


def test_many_are_stored_at_once_and_never_over_others(store: ObjectStore) -> None:
    many = [NewObject(key_of(str(number)), os.urandom(20_000 + number), PDF) for number in range(40)]
    store.put_many(many)
    assert [store.get(one.key) for one in many] == [one.data for one in many]
    store.put_many([*many[:3], NewObject(key_of("new"), b"new", PDF)])  # the same again is fine
    with pytest.raises(ObjectConflict):
        store.put_many([NewObject(key_of("fine"), b"fine", PDF), NewObject(many[0].key, b"other", PDF)])
    assert store.get(many[0].key) == many[0].data
    store.put_many(())


def test_what_was_put_is_read_whole(store: ObjectStore) -> None:
    key, data = key_of(), os.urandom(300_000)
    put = store.put(key, data, media_type=PDF)
    assert (put.size, put.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert store.get(key) == data
    assert store.stat(key) == put


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    key = key_of()
    store.put(key, b"", media_type=PDF)
    assert store.get(key) == b""


def test_the_same_bytes_twice_are_fine(store: ObjectStore) -> None:
    key = key_of()
    assert store.put(key, b"one", media_type=PDF) == store.put(key, b"one", media_type=PDF)


def test_other_bytes_under_a_key_are_refused_and_change_nothing(store: ObjectStore) -> None:
    key = key_of()
    store.put(key, b"one", media_type=PDF)
    with pytest.raises(ObjectConflict):
        store.put(key, b"two", media_type=PDF)
    assert store.get(key) == b"one"


def test_a_missing_object_is_told_as_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        store.get(key_of())
    with pytest.raises(ObjectMissing):
        store.stat(key_of())


def test_list_gives_all_under_a_prefix_in_order(store: ObjectStore) -> None:
    prefix = f"decrees/{uuid4().hex}/"
    for name in ("b", "a", "c"):
        store.put(f"{prefix}signed/{name}.pdf", name.encode(), media_type=PDF)
    assert [item.key.rsplit("/", 1)[1] for item in store.list(prefix)] == ["a.pdf", "b.pdf", "c.pdf"]
    assert list(store.list(f"decrees/{uuid4().hex}/")) == []


def test_many_writers_of_one_object_leave_one_whole_object(store: ObjectStore) -> None:
    key, data = key_of(), os.urandom(100_000)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: store.put(key, data, media_type=PDF), range(8)))
    assert len(set(results)) == 1
    assert store.get(key) == data


def test_of_many_writers_with_other_bytes_one_wins_and_the_others_are_told(store: ObjectStore) -> None:
    key, barrier = key_of(), threading.Barrier(8)

    def write(number: int) -> bytes | None:
        data = f"writer {number}".encode()
        barrier.wait(10)
        try:
            store.put(key, data, media_type=PDF)
        except ObjectConflict:
            return None
        return data

    with ThreadPoolExecutor(8) as pool:
        winners = [data for data in pool.map(write, range(8)) if data is not None]
    assert winners == [store.get(key)]


def test_a_large_object_is_kept_as_well(store: ObjectStore) -> None:
    key, data = key_of(), os.urandom(12 * 1024 * 1024)
    store.put(key, data, media_type=PDF)
    assert store.get(key) == data


def test_sweeping_takes_no_object(store: ObjectStore) -> None:
    key = key_of()
    store.put(key, b"whole", media_type=PDF)
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
    assert store.get(key) == b"whole"


def test_a_folder_is_swept_of_what_a_crash_left_an_hour_ago(tmp_path: Path) -> None:
    store, now = LocalStore(tmp_path), datetime.now(UTC)
    script = ("import sys; from pathlib import Path; from svc import failpoints; from svc.settings import Settings\n"
              "from svc.adapters.local_store import LocalStore\n"
              "failpoints.arm(Settings.from_env({'PARAF_FAILPOINT': sys.argv[2]}, env_file=None))\n"
              f"LocalStore(Path(sys.argv[1])).put('decrees/a.pdf', b'x' * 90_000, media_type={PDF!r})")
    for point in ("store.half_written", "store.before_rename"):
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path), f"{point}:1:kill"], check=False)
        assert done.returncode == -signal.SIGKILL
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (len(left), list(store.list(""))) == (2, [])
    os.utime(left[0], (now.timestamp() - 3_700,) * 2)
    assert store.sweep(now - timedelta(hours=1)) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == left[1:]
    assert store.put("decrees/a.pdf", b"again", media_type=PDF).size == 5


def test_it_answers(store: ObjectStore) -> None:
    store.ping()


def test_a_retained_object_of_a_folder_is_read_only(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("a/b.pdf", b"signed", media_type=PDF, retain_until=datetime.now(UTC))
    LocalStore(tmp_path).put("a/c.pdf", b"draft", media_type=PDF)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a/b.pdf", "a/c.pdf")] == [0o400, 0o600]


@pytest.mark.parametrize("store", SERVERS, indirect=True)
def test_a_retained_object_cannot_be_deleted_before_its_time(store: S3Store) -> None:
    key = key_of("retained")
    store.put(key, b"signed", media_type=PDF, retain_until=datetime.now(UTC) + timedelta(days=1))
    client = Minio(endpoint=store._client._base_url.host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False)
    version = next(iter(client.list_objects("paraf-test", prefix=key, include_version=True))).version_id
    with pytest.raises(S3Error):
        client.remove_object("paraf-test", key, version_id=version)
    assert store.get(key) == b"signed"


@pytest.mark.parametrize("key", ["../x", "/x", "a//b", "a/../b", "a/.hidden", "", "a\\b", "a b"])
def test_the_folder_refuses_keys_that_leave_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="unsafe"):
        LocalStore(tmp_path / "s").put(key, b"x", media_type=PDF)


def test_a_torn_write_leaves_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path / "s")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnavailable):
        store.put("a/b.pdf", b"x", media_type=PDF)
    assert [path for path in (tmp_path / "s").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("store", SERVERS, indirect=True)
def test_a_server_without_our_bucket_has_nothing_yet(store: S3Store) -> None:
    server = S3Server(store._client._base_url.host)
    fresh = S3Store(settings_for(server).model_copy(update={"s3_bucket": f"fresh-{uuid4().hex[:8]}"}))
    with pytest.raises(ObjectMissing):
        fresh.get(key_of())


@pytest.mark.parametrize("store", SERVERS, indirect=True)
def test_a_bucket_without_versioning_is_refused(store: S3Store) -> None:
    server = S3Server(store._client._base_url.host)
    client = Minio(endpoint=server.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False)
    client.make_bucket("plain")
    plain = settings_for(server).model_copy(update={"s3_bucket": "plain"})
    with pytest.raises(StoreUnavailable, match="versioning"):
        S3Store(plain).put(key_of(), b"x", media_type=PDF)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = S3Store(settings_for(S3Server("127.0.0.1:9")))
    with pytest.raises(StoreUnavailable):
        store.ping()
