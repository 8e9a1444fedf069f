"""A rule of RFC 5280 that pyHanko does not keep, put in place of its function by :func:`install`.

``tests/unit/certs/test_strict.py`` fails when the library changes what is replaced here.
"""

from __future__ import annotations

from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator.revinfo import validate_crl
from pyhanko_certvalidator.revinfo.archival import CRLContainer
from pyhanko_certvalidator.util import get_issuer_dn

lenient_scope = validate_crl._get_crl_scope_assuming_authority


def scope(crl_issuer: x509.Certificate, cert: Any, certificate_list_cont: CRLContainer, is_indirect: bool, errs: Any
          ) -> set[str] | None:
    """For which reasons a list speaks of a certificate; None: for none.

    It is the certificate's issuer's, or that authority's which the certificate names for its lists (RFC 5280 6.3.3,
    b 1). pyHanko besides takes that of anybody whom the same issuer has certified, so of any sister authority.
    """
    found: set[str] | None = lenient_scope(crl_issuer, cert, certificate_list_cont, is_indirect, errs)
    if found is None or crl_issuer.subject == get_issuer_dn(cert):
        return found
    points = cert.crl_distribution_points_value if isinstance(cert, x509.Certificate) else None
    if any(one["crl_issuer"] for one in points or ()):
        return found
    errs.issuer_failures += 1
    return None


def install() -> None:
    """Put it in place, for the whole process; again does nothing more."""
    validate_crl._get_crl_scope_assuming_authority = scope
