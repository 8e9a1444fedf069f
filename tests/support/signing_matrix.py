"""Backend by level: what each makes, judged by validation here, by pdfsig, and with the clock moved on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from certs.augment import augment
from certs.pades import Level
from certs.validation import Report, validate_pdf
from tests.support.clock import FrozenClock
from tests.support.signers_port import VARIANTS, Backend, PortKeys, make_keys, open_backend, page

YEARS_LATER = 3  # the signers' certificates have ended by then, the time stamps' have not
_NAMES = {"stored": "Stored key", "pkcs12": "PKCS#12 file", "pkcs11": "PKCS#11 token", "csc": "CSC service",
          "bsre": "BSrE"}
_DETAILS = {"rsa2048": "RSA 2048", "p256": "P-256", "p384": "P-384", "v1": "API v1, RSA 2048", "v2": "API v2, RSA 2048"}

_TYPES = ("ETSI.CAdES.detached", "adbe.pkcs7.detached")

HEAD = f"""# Signing backends and levels

Made by `scripts/signing_matrix.py` from the same code as the tests; a test compares. Every line is a document that
was signed by a real backend (SoftHSM2 for PKCS#11; the simulators of `paraf simulator` for CSC and BSrE) and raised
to its level where the backend does not make that itself.

* **now**: validation after ETSI EN 319 102-1, with a revocation list newer than the signature.
* **explained**: the last signature or document time stamp covers the file to its last byte. Validation data is
  appended after the signature, so at level LT it is not; the archive time stamp of LTA covers it again.
* **pdfsig**: what poppler finds of the signature. Document time stamps are of a type that it does not judge.
* **in {YEARS_LATER} years**: the same validation with the clock moved on, when the signer's certificate has ended
  and no revocation server answers any more.

BSrE makes plain CMS signatures with a time stamp (`adbe.pkcs7.detached`), no PAdES; their levels are named as EU DSS
names them.

| backend | key | level | now | explained | pdfsig | in {YEARS_LATER} years |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Line:
    """One document of the matrix."""

    variant: str
    level: str
    now: str
    explained: bool
    pdfsig: str
    later: str

    def __str__(self) -> str:
        kind, _, detail = self.variant.partition("-")
        cells = (_NAMES[kind], _DETAILS[detail], self.level, self.now, "yes" if self.explained else "no", self.pdfsig,
                 self.later)
        return f"| {' | '.join(cells)} |"


def all_lines() -> list[Line]:
    """The whole matrix, made anew; needs SoftHSM2 and pdfsig."""
    keys = make_keys(FrozenClock())
    made = []
    for variant in VARIANTS:
        with open_backend(variant, keys) as backend:
            made += [judge(backend, level, keys) for level in backend.levels]
    return made


def make_document(backend: Backend, level: Level, keys: PortKeys) -> bytes:
    """Sign, and raise it to the level."""
    made = min(level, Level.B_T, key=lambda one: one.rank)
    signed = backend.signer(backend.secret).sign(page(), keys.request(made)).pdf
    if level.rank < Level.B_LT.rank:
        return signed
    return augment(signed, level, keys.tsa, keys.trust(), keys.soon, keys.clock.now()).pdf


def judge(backend: Backend, level: Level, keys: PortKeys) -> Line:
    """One line; the level is the one that validation finds."""
    pdf = make_document(backend, level, keys)
    now = validate_pdf(pdf, keys.trust(), keys.soon)
    later = validate_pdf(pdf, keys.authority.trust_store(), keys.soon + timedelta(days=365 * YEARS_LATER))
    return Line(backend.name, now.signatures[0].level, _verdict(now), now.explained, pdfsig(pdf), _verdict(later))


def pdfsig(pdf: bytes) -> str:
    """``valid`` if pdfsig says so of every signature whose type it knows; otherwise what it says."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "document.pdf"
        path.write_bytes(pdf)
        told = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    known = [part for part in told.split("Signature #")[1:] if any(f"Signature Type: {one}" in part for one in _TYPES)]
    lines = [line.split(":", 1)[1].strip() for part in known for line in part.splitlines()
             if "Signature Validation:" in line]
    return "valid" if lines and set(lines) == {"Signature is Valid."} else "; ".join(lines) or "nothing found"


def text(lines: Iterable[Line]) -> str:
    """The document, with lines in the order of the backends."""
    ordered = sorted(lines, key=lambda line: VARIANTS.index(line.variant))
    return HEAD + "".join(f"{line}\n" for line in ordered)


def _verdict(report: Report) -> str:
    return report.indication.value + (f" / {report.sub_indication}" if report.sub_indication else "")
