"""Which certificates a signed PDF carries: its signers', its time stamps', and the authorities that came along."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from asn1crypto import cms
from cryptography import x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError, extract_certificate_info
from pyhanko.sign.validation import generic_cms

from certs import errors
from certs.knowledge import read_store
from certs.revocation import find_issuer, fingerprint
from certs.revocation_answers import is_authority

_BROKEN = (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, SigningError)


@dataclass(frozen=True)
class Carried:
    """``known`` are the others: what came along in signatures, tokens and the security store."""

    signers: tuple[x509.Certificate, ...]
    stampers: tuple[x509.Certificate, ...]
    known: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Candidate:
    """A CA certificate that somebody may want to trust. ``purpose``: signer, timestamp, both, or intermediate
    (its own issuer is in the file too)."""

    certificate: x509.Certificate
    purpose: str


def certificates_in(pdf: bytes) -> Carried:
    """:raises DocumentUnsignable: it cannot be read"""
    signers: dict[bytes, x509.Certificate] = {}
    stampers: dict[bytes, x509.Certificate] = {}
    known: dict[bytes, x509.Certificate] = {}
    try:
        reader = PdfFileReader(BytesIO(pdf), strict=True)
        for signature in reader.embedded_regular_signatures:
            _sort(signature.signed_data, signers, known)
            for token in generic_cms.extract_tst_data_iter(signature.signer_info, signed=False):
                _sort(token, stampers, known)
        for stamp in reader.embedded_timestamp_signatures:
            _sort(stamp.signed_data, stampers, known)
        for der in read_store(reader).certificates:
            one = x509.load_der_x509_certificate(der)
            known[fingerprint(one)] = one
    except _BROKEN as error:
        raise errors.DocumentUnsignable(f"the document cannot be read: {type(error).__name__}") from error
    return Carried(tuple(signers.values()), tuple(stampers.values()), tuple(known.values()))


def candidates_of(pdf: bytes) -> tuple[Candidate, ...]:
    """The CA certificates above its signers and time stamps. That they are in a file says nothing for them.

    :raises DocumentUnsignable: it cannot be read
    """
    carried = certificates_in(pdf)
    authorities = tuple(one for one in carried.known if is_authority(one))
    above_signers = _above(carried.signers, authorities)
    above_stampers = _above(carried.stampers, authorities)
    found: list[Candidate] = []
    for key, certificate in (above_signers | above_stampers).items():
        if find_issuer(certificate, authorities) is not None:
            purpose = "intermediate"
        elif key in above_signers and key in above_stampers:
            purpose = "both"
        else:
            purpose = "signer" if key in above_signers else "timestamp"
        found.append(Candidate(certificate, purpose))
    return tuple(found)


def _above(leaves: tuple[x509.Certificate, ...], authorities: tuple[x509.Certificate, ...]
           ) -> dict[bytes, x509.Certificate]:
    found: dict[bytes, x509.Certificate] = {}
    for leaf in leaves:
        issuer = find_issuer(leaf, authorities)
        while issuer is not None and fingerprint(issuer) not in found:
            found[fingerprint(issuer)] = issuer
            issuer = find_issuer(issuer, authorities)
    return found


def _sort(signed_data: cms.SignedData, leaves: dict[bytes, x509.Certificate], known: dict[bytes, x509.Certificate]
          ) -> None:
    carried = extract_certificate_info(signed_data)
    leaf = x509.load_der_x509_certificate(carried.signer_cert.dump())
    leaves[fingerprint(leaf)] = leaf
    for other in carried.other_certs:
        one = x509.load_der_x509_certificate(other.dump())
        known[fingerprint(one)] = one
