"""Rules of RFC 5280 that pyHanko does not keep, put in place of its functions by :func:`install`.

``tests/unit/certs/test_strict.py`` fails when the library changes what is replaced here.
"""

from __future__ import annotations

from typing import Any

from asn1crypto import x509
from asn1crypto.crl import CertificateList
from pyhanko_certvalidator._state import ValProcState
from pyhanko_certvalidator.authority import Authority
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import CRLNoMatchesError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.revinfo import validate_crl, validate_ocsp
from pyhanko_certvalidator.revinfo.archival import CRLContainer
from pyhanko_certvalidator.revinfo.manager import RevinfoManager
from pyhanko_certvalidator.util import get_issuer_dn

from certs._remembered import is_signed

_SIGNS = frozenset({"digital_signature", "non_repudiation"})

lenient_scope = validate_crl._get_crl_scope_assuming_authority
lenient_delegate = validate_ocsp._ocsp_allowed
lenient_lister = validate_crl._find_crl_issuer
lenient_memory = RevinfoManager.check_crl_issuer


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


async def find_lister(
    certificate_list: CertificateList, *, cert_issuer_auth: Authority, is_indirect: bool,
    validation_context: ValidationContext, proc_state: ValProcState, **asked: Any,
) -> ValidationPath:
    """The path to who has signed a list (RFC 5280 6.3.3, f and g).

    pyHanko does not ask for the signature where it takes for him the authority that it is just looking into, so that
    a list in an authority's name would count whoever made it. Of lists that are no indirect ones only the issuer's own
    are asked for: :func:`scope` takes no other, whoever signed it.

    :raises CRLNoMatchesError: it is another authority's list
    :raises CRLValidationError: its signature is nobody's who may have made it
    """
    if not is_indirect and certificate_list.issuer != cert_issuer_auth.name:
        raise CRLNoMatchesError
    path: ValidationPath = await lenient_lister(
        certificate_list, cert_issuer_auth=cert_issuer_auth, is_indirect=is_indirect,
        validation_context=validation_context, proc_state=proc_state, **asked)
    if proc_state.check_path_verif_recursion(path.last):
        validate_crl._verify_crl_signature(certificate_list, path.last.public_key, validation_context.sig_validator)
    return path


def recall_lister(_manager: RevinfoManager, _certificate_list: CertificateList) -> None:
    """Nobody is known to have signed a list before he and it were looked at for this very question.

    pyHanko notes who signed a list under the signature's value alone, and before it knows whether his certificate is
    in order: whatever else bears the value, and what a revoked authority signed, it then believes.
    """


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
    validate_crl._find_crl_issuer = find_lister
    RevinfoManager.check_crl_issuer = recall_lister  # type: ignore[method-assign, assignment]  # names
