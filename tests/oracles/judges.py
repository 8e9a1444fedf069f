"""Validators that share no code with the service: EU DSS and veraPDF (in a Java process), and poppler's pdfsig."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from certs.trust import TrustStore

JAVA_SOURCES = Path(__file__).parent / "java"
_BUILD_SECONDS = 900
_ANSWER_SECONDS = 90


class Unavailable(Exception):
    """The judge cannot be had on this machine; the text says what is missing."""


class JudgeFailed(Exception):
    """The judge was asked and gave no verdict."""


@dataclass(frozen=True)
class DssSignature:
    """EU DSS on one signature. ``changed``: it saw modifications after it; ``covers_file``: its scope is all of it."""

    indication: str
    sub_indication: str | None
    level: str
    intact: bool
    changed: bool
    covers_file: bool
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Conformance:
    """veraPDF on one file; ``broken`` names each violated rule."""

    conformant: bool
    broken: tuple[str, ...]


@dataclass(frozen=True)
class PdfsigSignature:
    """pdfsig on one signature: its own sentence, its type, and whether it covers the total document."""

    verdict: str
    kind: str
    covers_file: bool

    @property
    def is_valid(self) -> bool:
        return self.verdict == "Signature is Valid."


def build_java() -> Path:
    """The folder of jars, built by Maven once for these sources and kept under the user's cache.

    :raises Unavailable: Java or Maven is missing, or Maven could not build
    """
    for command in ("java", "javac", "mvn"):
        if shutil.which(command) is None:
            raise Unavailable(f"{command} is not installed (Debian: default-jdk-headless maven)")
    digest = hashlib.sha256()
    for path in sorted(JAVA_SOURCES.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(JAVA_SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paraf-ci"
    folder = cache / f"oracles-{digest.hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "oracles.lock"):
        if not (folder / "built").exists():
            _build(folder)
    return folder


def _build(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(JAVA_SOURCES, folder)
    command = ["mvn", "-q", "-B", "package", "dependency:copy-dependencies",
               "-DoutputDirectory=lib", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              timeout=_BUILD_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("Maven did not finish building the Java validators") from error
    if done.returncode != 0:
        raise Unavailable(f"Maven could not build the Java validators: {(done.stdout + done.stderr)[-1500:]}")
    (folder / "built").touch()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # test workers start together, one builds
        yield


class JavaJudge:
    """One Java process that answers questions about files; close it when done."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._log = log.open("w")
        self._process = subprocess.Popen(
            ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", "-cp",
             f"{folder}/target/oracles-1.jar:{folder}/lib/*", "id.paraf.oracles.Main"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8")

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)
        self._log.close()

    def dss(self, pdf: Path, trust: Path, at: datetime) -> tuple[DssSignature, ...]:
        """The verdict of EU DSS at a moment; ``trust`` is a folder made by :func:`write_trust`.

        :raises JudgeFailed: it could not read the file, or gave no answer
        """
        answer = self._ask("dss", str(pdf), str(trust), at.astimezone(UTC).isoformat().replace("+00:00", "Z"))
        return tuple(
            DssSignature(one["indication"], one["sub_indication"], one["level"], one["intact"], one["changed"],
                         one["covers_file"], tuple(one["errors"]))
            for one in answer["signatures"])

    def conformance(self, pdf: Path, flavour: str) -> Conformance:
        """Whether a file conforms to a PDF/A flavour such as ``2a``. :raises JudgeFailed: it could not be read"""
        answer = self._ask("verapdf", str(pdf), flavour)
        return Conformance(answer["conformant"], tuple(answer["broken"]))

    def _ask(self, *question: str) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        guard = threading.Timer(_ANSWER_SECONDS, self._process.kill)
        guard.start()
        try:
            stdin.write("\t".join(question) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError as error:
            raise JudgeFailed("the Java process has ended") from error
        finally:
            guard.cancel()
        if not line:
            raise JudgeFailed("the Java process gave no answer")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise JudgeFailed(answer["error"])
        return answer


def write_trust(folder: Path, trust: TrustStore) -> Path:
    """Lay a trust store out in files as :meth:`JavaJudge.dss` wants it; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    anchors = dict.fromkeys((*trust.anchors, *trust.timestamp_anchors))
    contents = {
        "anchor": [one.public_bytes(Encoding.DER) for one in anchors],
        "known": [one.public_bytes(Encoding.DER) for one in trust.intermediates],
        "crl": list(trust.crls),
        "ocsp": list(trust.ocsps),
    }
    for ending, items in contents.items():
        for number, der in enumerate(items):
            (folder / f"{number}.{ending}").write_bytes(der)
    return folder


def ask_pdfsig(pdf: Path) -> tuple[PdfsigSignature, ...]:
    """What pdfsig says of each signature; of certificates nothing, since it judges them by the wall clock.

    :raises Unavailable: poppler-utils is missing
    """
    if shutil.which("pdfsig") is None:
        raise Unavailable("pdfsig is not installed (Debian: poppler-utils)")
    said = subprocess.run(["pdfsig", "-nocert", str(pdf)], capture_output=True, text=True, check=False).stdout
    found = []
    for part in re.split(r"^Signature #\d+:", said, flags=re.MULTILINE)[1:]:
        verdict = re.search(r"- Signature Validation: (.*)", part)
        kind = re.search(r"- Signature Type: (.*)", part)
        found.append(PdfsigSignature(verdict.group(1).strip() if verdict else "", kind.group(1) if kind else "",
                                     "- Total document signed" in part))
    return tuple(found)
