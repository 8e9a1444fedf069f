"""Make ``svc/cage/rehearsal/``: a signed page and the trust it passes with, which a new worker validates to warm up.

The keys are made here and thrown away. Run again when signed files come to look different.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typst

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
    """Write the three files."""
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


if __name__ == "__main__":
    main()
