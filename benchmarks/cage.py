"""Does the service answer while bombs are thrown at /verify?

    python -m benchmarks.cage [--seconds 30] [--throwers 4]

Starts the real service in a folder of its own, measures ``/health`` and a page at rest, then while throwers upload
bombs one after the other, and prints JSON. Goal: p99 of ``/health`` below 200 ms under fire.
"""
# ruff: noqa: S310 - addresses are our own

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOAL_MS = 200.0
_MIB = 1024 * 1024
_UPLOAD = 19 * _MIB
_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
_BETWEEN_PROBES = 0.02


@dataclass
class Shots:
    """What became of the uploads: answers by status, and how long each took in seconds, by bomb."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def bombs() -> dict[str, bytes]:
    """Files that want to use up time or memory, each small enough to be uploaded."""
    known = _forged()
    known["a million small objects"] = _with_objects(b"%d 0 obj\n<<>>\nendobj\n", 900_000)
    known["deep streams"] = _with_objects(
        b"%d 0 obj\n<</Length 0/Filter[/FlateDecode/FlateDecode]>>\nstream\n\nendstream\nendobj\n", 200_000)
    known["1 GiB in an object stream"] = _object_stream(zlib.compress(bytes(1024 * _MIB), 9))
    known["noise"] = b"%PDF-1.7\n" + os.urandom(_UPLOAD)
    known["brackets"] = b"%PDF-1.7\n1 0 obj\n" + b"[" * _UPLOAD
    known["headers"] = b"%PDF-1.7\n" + b"1 0 obj\n" * (_UPLOAD // 8)
    return {name: data for name, data in known.items() if len(data) <= 20 * _MIB}


def _forged() -> dict[str, bytes]:
    from tests.attacks.bombs import attacks
    from tests.attacks.craft import Sample

    signed = (ROOT / "svc" / "cage" / "rehearsal" / "signed.pdf").read_bytes()
    sample = Sample(world=None, page=signed, certified=signed, open=signed, plain=signed)  # type: ignore[arg-type]
    return {one.name: one.pdf for one in attacks(sample)}


def _with_objects(form: bytes, most: int) -> bytes:
    body, places = bytearray(b"%PDF-1.7\n"), list[int]()
    for number in range(1, most):
        if len(body) + 20 * len(places) > _UPLOAD:
            break
        places.append(len(body))
        body += form % number
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start)
    return bytes(body)


def _object_stream(data: bytes) -> bytes:
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    body = head + b"3 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d/Filter/FlateDecode>>\nstream\n" % len(data)
    body += data + b"\nendstream\nendobj\n"
    rows = b"".join(bytes(row) for row in ((0, 0, 0, 0, 0), (1, 0, 0, 0, 9), (2, 0, 0, 0, 3)))
    rows += b"\1" + body.index(b"3 0 obj").to_bytes(4, "big") + b"\1" + len(body).to_bytes(4, "big")
    table = b"4 0 obj\n<</Type/XRef/Size 5/W[1 4 0]/Root 1 0 R/Length %d>>\nstream\n" % len(rows)
    return body + table + rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(body)


@contextmanager
def service() -> Iterator[str]:
    """The address of a fresh service; it ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
        env |= {"PARAF_VAR_DIR": f"{folder}/var", "PARAF_BIND": f"127.0.0.1:{port}", "PARAF_BASE_URL": url,
                "PARAF_RATE_LIMITS": "false"}
        with Path(f"{folder}/log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "svc.cli", "run"], env=env, stdout=log, stderr=log,
                                       cwd=ROOT)
            try:
                _await_health(url, process, Path(f"{folder}/log"))
                yield url
            finally:
                process.terminate()
                process.wait(60)


def _await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(log.read_text("utf-8", "replace"))
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise SystemExit("the service does not become healthy")


def probe(url: str, seconds: float) -> dict[str, float]:
    """Ask over and over for so long; times in milliseconds."""
    times, failures, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                answer.read()
        except (urllib.error.URLError, OSError):
            failures += 1
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(_BETWEEN_PROBES)
    cuts = statistics.quantiles(times, n=1000, method="inclusive")
    return {"requests": len(times), "failures": failures, "p50_ms": round(cuts[499], 1),
            "p99_ms": round(cuts[989], 1), "max_ms": round(max(times), 1)}


def throw(url: str, ammunition: list[tuple[str, bytes]], stop: threading.Event, shots: Shots) -> None:
    """Upload bombs until told to stop."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with opener.open(f"{url}/verify", timeout=60) as page:
        found = _TOKEN.search(page.read().decode())
    if found is None:
        raise SystemExit("the page carries no token")
    for name, data in cycle(ammunition):
        if stop.is_set():
            return
        began = time.perf_counter()
        shots.statuses[_upload(opener, url, found.group(1), data)] += 1
        shots.seconds.setdefault(name, []).append(time.perf_counter() - began)


def _upload(opener: urllib.request.OpenerDirector, url: str, token: str, data: bytes) -> str:
    mark = uuid.uuid4().hex.encode()
    body = (b"--%b\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n%b\r\n" % (mark, token.encode())
            + b"--%b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.pdf\"\r\n" % mark
            + b"Content-Type: application/pdf\r\n\r\n" + data + b"\r\n--%b--\r\n" % mark)
    request = urllib.request.Request(
        f"{url}/verify", body, {"Content-Type": f"multipart/form-data; boundary={mark.decode()}"})
    try:
        with opener.open(request, timeout=120) as answer:
            answer.read()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (urllib.error.URLError, OSError) as error:
        return type(error).__name__


def under_fire(url: str, seconds: float, throwers: int) -> dict[str, object]:
    """Probe while bombs fly."""
    stop, shots, ammunition = threading.Event(), Shots(), list(bombs().items())
    threads = [threading.Thread(target=throw, args=(url, ammunition[start:] + ammunition[:start], stop, shots))
               for start in range(0, len(ammunition), max(1, len(ammunition) // throwers))][:throwers]
    for thread in threads:
        thread.start()
    results: dict[str, object] = {}
    probes = [threading.Thread(target=lambda p=path: results.update({p: probe(f"{url}{p}", seconds)}))
              for path in ("/health", "/login")]
    for thread in probes:
        thread.start()
    for thread in probes:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    slowest = sorted(((round(max(times), 2), name) for name, times in shots.seconds.items()), reverse=True)[:8]
    return {**results, "uploads": sum(shots.statuses.values()), "answers": dict(shots.statuses),
            "slowest_seconds": {name: worst for worst, name in slowest}}


def main() -> None:
    """Run it and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--throwers", type=int, default=4)
    given = parser.parse_args()
    with service() as url:
        with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
            cage = json.load(answer)["cage"]["detail"]
        at_rest = {path: probe(f"{url}{path}", min(10, given.seconds)) for path in ("/health", "/login")}
        fire = under_fire(url, given.seconds, given.throwers)
    health = fire["/health"]
    met = isinstance(health, dict) and health["p99_ms"] < GOAL_MS and not health["failures"]
    print(json.dumps({"cage": cage, "processors": os.cpu_count(), "throwers": given.throwers, "at_rest": at_rest,
                      "under_fire": fire, "goal_ms": GOAL_MS, "goal_met": met}, indent=2))


if __name__ == "__main__":
    main()
