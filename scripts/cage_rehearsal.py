"""Make ``svc/cage/rehearsal/``: a signed page and the trust it passes with, and a sheet with every type of cell; a new
worker looks into them to warm up.

The keys are made here and thrown away. Run again when signed files come to look different.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typst
import xlsxwriter

from certs.ca import (
    SignerSubject,
    build_crl,
    create_development_pki,
    generate_signer_key,
    issue_signer_certificate,
)
from certs.pades import Level, LocalSigner, SignatureBox, SignRequest, sign_pdf
from certs.tsa import TimeStampAuthority
from svc.cage.trust_blob import write_trust

FOLDER = Path(__file__).parents[1] / "svc" / "cage" / "rehearsal"
_AT = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
_PAGE = b"""#set document(title: "Contoh", date: datetime(year: 2026, month: 6, day: 1))
#set text(lang: "id")
= Contoh
#lorem(200)
"""


def main() -> None:
    """Write the files."""
    pki = create_development_pki("Contoh", _AT - timedelta(days=1))
    key = generate_signer_key()
    certificate = issue_signer_certificate(pki.issuing, SignerSubject("Contoh", "Contoh"), key.public_key(),
                                           _AT - timedelta(hours=2))
    tsa = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
    request = SignRequest(
        signed_at=_AT, signer_name="Contoh", reason="Contoh", location="Contoh", field_name="Signature1",
        box=SignatureBox(0, 300, 100, 450, 180), certify=True, level=Level.B_T)
    page = typst.compile(_PAGE, format="pdf", pdf_standards=["a-2a"])
    signed = sign_pdf(page, request, LocalSigner(certificate, key, pki.chain), tsa)
    later = _AT + timedelta(hours=1)
    trust = pki.trust_store([build_crl(pki.issuing, (), later, later + timedelta(days=1))])
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "signed.pdf").write_bytes(signed.pdf)
    (FOLDER / "trust.bin").write_bytes(write_trust(trust).data)
    (FOLDER / "plan.json").write_text(json.dumps({"now": later.isoformat()}) + "\n", "utf-8")
    (FOLDER / "sheet.xlsx").write_bytes(make_sheet())


def make_sheet() -> bytes:
    """A workbook with a text, a number, a date, a choice and a formula."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, ("Nama", "Nilai", "Tanggal", "Setuju", "Jumlah"))
        for row in (1, 2):
            sheet.write_string(row, 0, "Contoh")
            sheet.write_number(row, 1, 1.5)
            sheet.write_datetime(row, 2, _AT.replace(tzinfo=None), book.add_format({"num_format": "dd/mm/yyyy"}))
            sheet.write_boolean(row, 3, True)
            sheet.write_formula(row, 4, "=B2+1", None, 2.5)
    return target.getvalue()


if __name__ == "__main__":
    main()
