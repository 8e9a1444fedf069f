"""A parser that was taken over, behind the real bars: what it cannot do, and that nobody else suffers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.trust import TrustStore
from certs.validation import Indication
from svc.cage.pool import WorkerCage
from svc.cage.port import CageBusy, CageCrashed, CageLimits, CageTimeout, PageUndrawable
from svc.services.examination import judge
from svc.services.verdict_words import of_failure
from svc.settings import Settings
from tests.support.world import World
from tests.unit.certs.conftest import NOW

PROGRAM = Path(__file__).parents[1] / "support" / "taken_over.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cage() -> Iterator[WorkerCage]:
    made = WorkerCage(CageLimits(workers=2, queue=4, seconds=2), PROGRAM)
    yield made
    made.close()


def run(cage: WorkerCage, program: str) -> str:
    """Have the prisoner run this; what it says."""
    with pytest.raises(PageUndrawable) as told:
        cage.first_page(textwrap.dedent(program).encode())
    return str(told.value)


def needs(cage: WorkerCage, bar: str) -> None:
    if bar in cage.facts().missing:
        pytest.skip(f"this kernel has no {bar}")


def test_the_limits_hold_on_every_linux(cage: WorkerCage) -> None:
    facts = cage.facts()
    assert (facts.is_apart, facts.no_new_privileges, facts.no_capabilities, facts.limits) == (True,) * 4


def test_it_reaches_no_network(cage: WorkerCage) -> None:
    needs(cage, "seccomp")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(cage, f"socket.create_connection(('127.0.0.1', {port}), 1)").startswith("PermissionError")
    assert run(cage, "socket.socket(socket.AF_UNIX)").startswith("PermissionError")


def test_even_the_loopback_of_its_namespace_is_not_ours(cage: WorkerCage) -> None:
    needs(cage, "own_network")
    zygote = cage._zygote
    assert zygote is not None
    ours, its = (Path(f"/proc/{pid}/ns/net") for pid in ("self", zygote._process.pid))
    try:
        assert ours.readlink() != its.readlink()
    except PermissionError:
        pytest.skip("namespaces of others cannot be looked at here")


def test_it_writes_no_file(cage: WorkerCage, tmp_path: Path) -> None:
    assert "Error" in run(cage, f"open({str(tmp_path / 'new')!r}, 'wb').write(b'x')")
    held = tmp_path / "held"
    held.write_bytes(b"before")
    for attempt in (f"open({str(held)!r}, 'r+b').write(b'x')", f"os.unlink({str(held)!r})",
                    f"os.truncate({str(held)!r}, 0)", f"os.chmod({str(held)!r}, 0o777)",
                    f"os.rename({str(held)!r}, {str(tmp_path / 'other')!r})", f"os.utime({str(held)!r})",
                    f"os.mkdir({str(tmp_path / 'folder')!r})", f"os.symlink('x', {str(tmp_path / 'link')!r})"):
        needs(cage, "landlock")
        assert "PermissionError" in run(cage, attempt), attempt
    assert [one.name for one in tmp_path.iterdir() if one.name != "new"] == ["held"]
    assert held.read_bytes() == b"before"


def test_it_reads_no_secret(cage: WorkerCage, settings: Settings) -> None:
    needs(cage, "landlock")
    keys = [path for path in (settings.var_dir / "keys").rglob("*") if path.is_file()]
    assert keys
    for path in (*keys, Path("/etc/shadow"), Path("/etc/passwd"), Path("/proc/self/environ"), ROOT / ".env.example",
                 ROOT / "pyproject.toml"):
        assert "PermissionError" in run(cage, f"said = open({str(path)!r}, 'rb').read()"), path
    for folder in ("/", "/proc", str(settings.var_dir), str(Path.home())):
        assert "PermissionError" in run(cage, f"said = os.listdir({folder!r})"), folder


def test_it_knows_no_environment_and_holds_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAF_SECRET_KEY", "very secret")
    fresh = WorkerCage(CageLimits(), PROGRAM)
    try:
        assert "secret" not in run(fresh, "said = dict(os.environ)").lower()
        open_ones = """
            said = []
            for number in range(24):
                try:
                    os.fstat(number)
                    said.append(number)
                except OSError:
                    pass
            """
        assert run(fresh, open_ones) == "[0, 1, 2, 3, 4]"  # nothing, its request, its answer
    finally:
        fresh.close()


def test_it_gets_no_more_memory(cage: WorkerCage) -> None:
    assert run(cage, "said = len(bytearray(2 * 1024 ** 3))").startswith("MemoryError")


def test_it_runs_nothing_else(cage: WorkerCage) -> None:
    needs(cage, "seccomp")
    assert "Error" in run(cage, "os.fork()")
    assert "Error" in run(cage, "while True: os.fork()")
    assert "Error" in run(cage, "os.execv('/bin/true', ['true'])")
    assert "Error" in run(cage, "threading.Thread(target=time.sleep, args=(1,)).start()")
    assert "PermissionError" in run(cage, "os.kill(os.getppid(), 9)")
    assert "PermissionError" in run(cage, f"os.kill({os.getpid()}, 0)")
    assert "-1" in run(cage, "said = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)")
    assert run(cage, "said = ctypes.CDLL(None).unshare(0x10000000)") == "-1"


@pytest.mark.parametrize("endless", [
    "while True: pass", "time.sleep(60)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
    "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"])
def test_it_has_its_time_and_no_more(cage: WorkerCage, endless: str) -> None:
    began = time.monotonic()
    with pytest.raises(CageTimeout):
        cage.first_page(endless.encode())
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("death", [
    "ctypes.string_at(0)", "os.abort()", "os._exit(0)", "os._exit(7)",
    "os.close(4)", "os.write(4, b'short'); os._exit(0)",
    "import pickle; os.write(4, pickle.dumps(print)); os._exit(0)",
    "os.write(4, b'\\xff' * 8); time.sleep(9)", "os.write(4, bytes(8)); os._exit(0)",
    "os.write(4, b'\\0\\0\\0\\2\\0\\0\\0\\0{}'); os._exit(0)"])
def test_its_death_is_told_and_harms_nobody(cage: WorkerCage, death: str) -> None:
    with pytest.raises(CageCrashed):
        cage.first_page(death.encode())
    assert run(cage, "said = 'next'") == "next"


@pytest.mark.parametrize("answer", [
    '{"kind": "drawn", "value": {"size": 3}}', '{"kind": "undrawable", "value": {"reason": 5}}',
    '{"kind": "refused", "value": {"code": "x", "detail": ""}}', '{"kind": "fault", "value": {"name": "x"}}', "[]",
    '{"kind": "facts", "value": {"pages": 1, "title": "", "page_sizes": [], "pdf_version": "", "sha256": ""}}'])
def test_an_answer_to_another_question_is_none(cage: WorkerCage, answer: str) -> None:
    program = f"""
        text = {answer!r}.encode()
        os.write(4, len(text).to_bytes(4, 'big') + bytes([0, 0, 0, 3]) + text + b'abc')
        os._exit(0)
        """
    with pytest.raises(CageCrashed):
        cage.first_page(textwrap.dedent(program).encode())


def test_it_does_not_outlive_its_answer(cage: WorkerCage) -> None:
    text = '{"kind":"undrawable","value":{"reason":"%d"}}'
    program = f"""
        text = ({text!r} % os.getpid()).encode()
        os.write(4, len(text).to_bytes(4, 'big') + bytes(4) + text)
        while True: pass
        """
    assert not is_running(int(run(cage, program)))


def test_children_share_nothing(cage: WorkerCage) -> None:
    run(cage, "os.environ['mark'] = 'x'; ctypes.mark = 'x'")
    assert run(cage, "said = 'mark' in os.environ or hasattr(ctypes, 'mark')") == "False"


def test_who_comes_when_it_is_full_is_sent_away_at_once() -> None:
    full = WorkerCage(CageLimits(workers=1, queue=1, seconds=2), PROGRAM)
    full.facts()
    outcomes: list[type[Exception]] = []

    def ask() -> None:
        try:
            full.first_page(b"time.sleep(1)")
        except (PageUndrawable, CageBusy) as error:
            outcomes.append(type(error))

    try:
        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(one.__name__ for one in outcomes) == ["CageBusy"] * 3 + ["PageUndrawable"] * 2
        assert run(full, "said = 'free again'") == "free again"
    finally:
        full.close()


def test_a_killed_zygote_is_replaced() -> None:
    cage = WorkerCage(CageLimits(seconds=5), PROGRAM)
    try:
        cage.facts()
        assert cage._zygote is not None
        cage._zygote._process.kill()
        assert run(cage, "said = 'still here'") == "still here"
    finally:
        cage.close()


def test_nobody_is_left_when_the_service_dies() -> None:
    program = f"""
        import os, sys, threading, time
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from svc.cage.pool import WorkerCage
        from svc.cage.port import CageLimits
        cage = WorkerCage(CageLimits(seconds=30), Path({str(PROGRAM)!r}))
        cage.facts()
        threading.Thread(target=cage.first_page, args=(b"while True: pass",), daemon=True).start()
        time.sleep(1)
        children = Path(f"/proc/{{cage._zygote._process.pid}}/task/{{cage._zygote._process.pid}}/children").read_text()
        print(cage._zygote._process.pid, children, flush=True)
        os._exit(1)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    left = [int(pid) for pid in done.stdout.split()]
    assert len(left) == 2, done.stderr
    deadline = time.monotonic() + 5
    while any(map(is_running, left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, left))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(("program", "code", "said"), [
    ("while True: pass", "file_took_too_long", "lebih lama"), ("os.abort()", "file_took_too_much", "memori")])
def test_a_file_that_kills_its_reader_gets_a_verdict(
    world: World, cage: WorkerCage, program: str, code: str, said: str
) -> None:
    from dataclasses import replace

    report = judge(replace(world.deps, cage=cage), program.encode())
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "FORMAT_FAILURE")
    assert [one.code for one in report.findings] == [code]
    assert said in of_failure(report).text


def test_a_liar_cannot_pass_for_a_report_of_another_shape(cage: WorkerCage) -> None:
    with pytest.raises(CageCrashed):
        cage.validate(b"said = 'TOTAL-PASSED'", TrustStore(()), NOW)
