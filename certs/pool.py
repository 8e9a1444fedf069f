"""The certificates among which a validation looks for chains: none forged, and not so entangled that it never ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter

_MOST_STEPS = 1000  # from one certificate upwards; honest ones know a handful, and some for each renewal


class CopiedSignature(ValueError):
    """Two certificates bear the same authority's signature: one of them is forged."""


class Entangled(ValueError):
    """Authorities have certified each other so often that nobody can try all chains."""


def carried(reader: PdfFileReader) -> Iterator[x509.Certificate]:
    """The certificates in a file's signatures and their time stamps."""
    for signature in reader.embedded_signatures:
        yield from (signature.signer_cert, *signature.other_embedded_certs)
        for token in extract_tst_data_iter(signature.signer_info, signed=False):
            told = extract_certificate_info(token)
            yield from (told.signer_cert, *told.other_certs)


def ensure_sound(anchors: Iterable[x509.Certificate], others: Iterable[x509.Certificate]) -> None:
    """Look at all certificates that a validation will meet, before pyhanko_certvalidator does.

    It knows a certificate that it has validated by the value of its signature alone, and so believes lists of a forged
    one that has an honest one's value and the forger's key. And it tries every chain, however many there are.

    :raises CopiedSignature: two that differ have the same signature value
    :raises Entangled: too many chains lead upwards from one of them
    """
    trusted = {one.dump(): one for one in anchors}
    pool = trusted | {one.dump(): one for one in others}
    _ensure_no_copies(pool.values())
    _ensure_few_chains(pool, frozenset(trusted))


def _ensure_no_copies(certificates: Iterable[x509.Certificate]) -> None:
    seen: dict[bytes, x509.Certificate] = {}
    for one in certificates:
        other = seen.setdefault(one["signature_value"].native, one)
        if other is not one and other["tbs_certificate"].dump() != one["tbs_certificate"].dump():
            raise CopiedSignature("two certificates with the same signature")


@lru_cache(maxsize=512)
def _names(der: bytes) -> tuple[str, str]:
    """Of subject and issuer, as certificates are chained by them."""
    found = x509.Certificate.load(der)
    return found.subject.hashable, found.issuer.hashable


def _ensure_few_chains(pool: dict[bytes, x509.Certificate], trusted: frozenset[bytes]) -> None:
    named: defaultdict[str, list[bytes]] = defaultdict(list)
    for der in pool:
        named[_names(der)[0]].append(der)
    above = {der: () if der in trusted else tuple(named.get(_names(der)[1], ())) for der in pool}
    if all(len(issuers) <= 1 for issuers in above.values()):
        return
    for start in pool:
        waiting, steps = [(start, frozenset((start,)))], 0
        while waiting:
            here, passed = waiting.pop()
            further = [(issuer, passed | {issuer}) for issuer in above[here] if issuer not in passed]
            steps += len(further)
            if steps > _MOST_STEPS:
                raise Entangled("too many chains")
            waiting += further
