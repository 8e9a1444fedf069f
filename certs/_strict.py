"""Rules of RFC 5280 that pyHanko does not keep, put in place of its functions by :func:`install`.

``tests/unit/certs/test_strict.py`` fails when the library changes what is replaced here.
"""

from __future__ import annotations

from typing import Any

from asn1crypto import x509
from asn1crypto.crl import CertificateList
from pyhanko_certvalidator.revinfo import validate_crl, validate_ocsp
from pyhanko_certvalidator.revinfo.archival import CRLContainer
from pyhanko_certvalidator.util import get_issuer_dn

from certs._remembered import is_signed

_SIGNS = frozenset({"digital_signature", "non_repudiation"})

lenient_scope = validate_crl._get_crl_scope_assuming_authority
lenient_delegate = validate_ocsp._ocsp_allowed


def scope(crl_issuer: x509.Certificate, cert: Any, certificate_list_cont: CRLContainer, is_indirect: bool, errs: Any
          ) -> set[str] | None:
    """For which reasons a list speaks of a certificate; None: for none.

    It is the certificate's issuer's, or that authority's which the certificate names for its lists (RFC 5280 6.3.3,
    b 1). pyHanko besides takes that of anybody whom the same issuer has certified, so of any sister authority.

    And it bears that authority's signature. pyHanko notes a list's issuer under the value of its signature alone, and
    without any verification while that issuer's own certificate is being checked; whatever else bears the value, or
    is met again, it then believes.
    """
    if not is_signed_list(certificate_list_cont.crl_data, crl_issuer):
        errs.issuer_failures += 1
        return None
    found: set[str] | None = lenient_scope(crl_issuer, cert, certificate_list_cont, is_indirect, errs)
    if found is None or crl_issuer.subject == get_issuer_dn(cert):
        return found
    points = cert.crl_distribution_points_value if isinstance(cert, x509.Certificate) else None
    if any(one["crl_issuer"] for one in points or ()):
        return found
    errs.issuer_failures += 1
    return None


def is_signed_list(crl: CertificateList, authority: x509.Certificate) -> bool:
    """Whether the key of this certificate has signed the list."""
    return is_signed(authority, crl["signature"].native, crl["tbs_cert_list"].dump(), crl["signature_algorithm"])


def may_respond(responder_cert: x509.Certificate) -> bool:
    """Whether an authority's delegate may sign responses: that is its purpose, and its key is one to sign with
    (RFC 5280 4.2.1.12). pyHanko asks the purpose only."""
    usage = responder_cert.key_usage_value
    return bool(lenient_delegate(responder_cert)) and (usage is None or not _SIGNS.isdisjoint(usage.native))


def install() -> None:
    """Put them in place, for the whole process; again does nothing more."""
    validate_crl._get_crl_scope_assuming_authority = scope
    validate_ocsp._ocsp_allowed = may_respond
