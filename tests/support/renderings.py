"""Renditions for tests: documents of all kinds as requests, and what a second library reads in a PDF."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from datetime import date
from typing import Any

import pypdfium2
import pytest

from svc.adapters.renderer import TypstRenderer
from svc.kinds import Kind, KindCatalogue
from svc.rendering import Letterhead, RenderRequest, SignatureBlock, SignatureBox

KINDS = KindCatalogue.load()
RENDERER = TypstRenderer(KINDS)
URL = "https://paraf.nusamandala.example/v/Zk3xQ9r2LmN8pT5vWb7yCd"
OFFICE = Letterhead(
    "Pemerintah Provinsi Nusa Mandala", "Badan Kepegawaian Daerah", "Jalan Persatuan 1", "(0999) 123456",
    "bkd@nusamandala.example", "bkd.nusamandala.example", "Tanjung Mandala",
)  # fmt: skip
SIGNER = SignatureBlock(
    ("a.n. GUBERNUR NUSA MANDALA", "KEPALA BADAN KEPEGAWAIAN DAERAH,"), "Dr. Surya Contoh", "Pembina, IV/a",
    "190001011986031007",
)  # fmt: skip
OTHER = SignatureBlock(
    ("Plt. KEPALA DINAS CONTOH,",), "Laras Contoh", "Pembina, IV/a", "190001011986032008",
    title="Plt. Kepala Dinas Contoh", office="Dinas Contoh",
)  # fmt: skip
AGREEMENT = "perjanjian-kerja-sama"


def final(kind: Kind, **changes: Any) -> RenderRequest:
    letterhead = replace(OFFICE, unit_name="", emblem="garuda") if kind.id == "keputusan" else OFFICE
    request = RenderRequest(
        kind.id, kind.example, letterhead, SIGNER, "800/12/BKD/2026", date(2026, 2, 2), "", URL, "final",
        further_blocks=(OTHER,) if kind.id == AGREEMENT else (),
    )
    return replace(request, **changes)


def draft(kind: Kind, **changes: Any) -> RenderRequest:
    return final(kind, **{"number": None, "issued_on": None, "verify_url": None, "stage": "draft"} | changes)


def text_of(pdf: bytes, box: SignatureBox | None = None) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        if box is not None:
            page = document[box.page].get_textpage()
            return [page.get_text_bounded(box.llx, box.lly, box.urx, box.ury)]
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def qpdf_complaints(pdf: bytes) -> str:
    """What qpdf says against a file; empty: nothing."""
    qpdf = shutil.which("qpdf")
    if qpdf is None:
        pytest.skip("qpdf is not installed")
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        checked = subprocess.run([qpdf, "--check", file.name], capture_output=True, text=True, check=False)
    return checked.stdout + checked.stderr if checked.returncode else ""


def squeeze(text: str) -> str:
    return "".join(char for char in text if not char.isspace() and char not in "\u200b\ufffe\x02-")
