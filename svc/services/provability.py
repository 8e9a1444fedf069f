"""Whether signatures by a certificate could be proven here: what its authorities revoked must be known or askable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import select

from certs.revocation import silent_issuers
from certs.trust import TrustStore
from svc.catalogues import N_
from svc.deps import Deps
from svc.models import Credential
from svc.services.key_use import certificate_of, chain_of
from svc.services.trust import trust_store

_SILENT = N_(
    "Tanda tangan dengan sertifikat ini belum akan dapat dibuktikan: sertifikat ini atau penerbit di atasnya tidak "
    "menyebut alamat CRL atau OCSP, dan daftar pencabutan yang berlaku dari %(issuers)s tidak ada di sini. Naskah yang "
    "ditandatangani tertahan sampai administrator menaruh daftar itu (berkas .crl) di var/trust.")


@dataclass(frozen=True)
class Gap:
    """Why signatures could be made but not proven, and what to do: a msgid that ``params`` fill."""

    text: str
    params: dict[str, str]


def gap(deps: Deps, certificate: x509.Certificate, chain: Iterable[x509.Certificate],
        trust: TrustStore) -> Gap | None:
    """What stands against proving signatures by a certificate at this moment, or None."""
    issuers = silent_issuers(certificate, chain, trust, deps.clock.now())
    return Gap(_SILENT, {"issuers": "; ".join(issuers)}) if issuers else None


def gap_of(deps: Deps, credential_id: str) -> Gap | None:
    """The same of a credential that was just registered; None too where its certificate is not known yet (BSrE)."""
    with deps.db.read_session() as session:
        row = session.scalars(select(Credential).where(Credential.public_id == credential_id)).one()
    if not row.certificate_pem.strip():
        return None
    return gap(deps, certificate_of(row), chain_of(row), trust_store(deps))
