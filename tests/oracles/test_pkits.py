"""NIST's path validation suite (PKITS) against the settings under which we validate, and those before signing.

Every case that comes out otherwise than NIST expects stands in ``OTHERWISE`` or ``REFUSED_BEFORE_SIGNING``, with what
it comes to and why. A test fails as well if one of these agrees with NIST all of a sudden.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.generic_cms import validate_cert_usage
from pyhanko.sign.validation.policy_decl import bootstrap_validation_data_handlers
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from certs import errors
from certs._aio import run_sync
from certs._asn1 import to_asn1
from certs.checks import ensure_can_sign
from certs.knowledge import gather_knowledge
from certs.trust import TrustStore
from tests.support.acts import blank_pdf

NOW = datetime(2022, 5, 1, tzinfo=UTC)
DATA = Path(__file__).parent / "data" / "pkits.zip"
UNREADABLE = "unreadable"

_POLICY = "the caller's policies or inhibitions make it fail, and we give none: any policy will do"
_DSA = "DSA, here with SHA-1, is not accepted"
_NO_KEY = "a DSA key without parameters cannot even be read"
_CA = "a CA's certificate signs no documents, however valid its path"
_DELTA = "what any list of the issuer names is refused; delta lists do not take it back before signing"

# Verdicts of the validation (sub-indications of EN 319 102-1) that differ from NIST's.
OTHERWISE: dict[str, tuple[str, str]] = {
    "4.1.4 valid_dsa_signatures_test4": ("CRYPTO_CONSTRAINTS_FAILURE", _DSA),
    "4.1.5 valid_dsa_parameter_inheritance_test5": (UNREADABLE, _NO_KEY),
    "4.8.1 all_certs_same_policy_test1_with_constraint_mismatch": ("", _POLICY),
    "4.8.2 all_certificates_no_policies_test2_force_explicit": ("", _POLICY),
    "4.8.3 different_policies_test3_force_explicit": ("", _POLICY),
    "4.8.3 different_policies_test3_force_explicit_with_user_set": ("", _POLICY),
    "4.8.6 overlapping_policies_test6_with_testpol2": ("", _POLICY),
    "4.8.6 overlapping_policies_test6_with_testpol2_explicit": ("", _POLICY),
    "4.8.14 any_policy_test14_with_testpol2": ("", _POLICY),
    "4.10.1 valid_policy_mapping_test2_with_testpol2": ("", _POLICY),
    "4.10.1 valid_policy_mapping_test2_inhibit_mapping": ("", _POLICY),
    "4.10.1 valid_policy_mapping_test2_inhibit_mapping_testpol1": ("", _POLICY),
    "4.10.3 valid_policy_mapping_test3_with_testpol1": ("", _POLICY),
    "4.10.5 valid_policy_mapping_test5_with_testpol6": ("", _POLICY),
    "4.10.6 valid_policy_mapping_test6_with_testpol6": ("", _POLICY),
    "4.12.3 inhibit_any_policy_test3_initial_inhibit": ("", _POLICY),
}

# Good paths for NIST that are refused before signing all the same, by the code of the refusal.
REFUSED_BEFORE_SIGNING: dict[str, tuple[str, str]] = {
    "4.1.4 valid_dsa_signatures_test4": ("weak_key", _DSA),
    "4.1.5 valid_dsa_parameter_inheritance_test5": (UNREADABLE, _NO_KEY),
    "4.6.8 valid_pathlenconstraint_test8": ("key_usage_unfit", _CA),
    "4.6.14 valid_pathlenconstraint_test14": ("key_usage_unfit", _CA),
    "4.8.6 overlapping_policies_test6": ("key_usage_unfit", _CA),
    "4.8.6 overlapping_policies_test6_with_testpol1": ("key_usage_unfit", _CA),
    "4.14.13 valid_onlycontainscacerts_crl_test13": ("key_usage_unfit", _CA),
    "4.15.5 valid_deltacrl_test5": ("certificate_revoked", _DELTA),
    "4.15.7 valid_deltacrl_test7": ("certificate_revoked", _DELTA),
}

# What the verdict may be called where NIST wants a failure of that class.
_NAMES = {
    "PathValidationError": {"CERTIFICATE_CHAIN_GENERAL_FAILURE", "OUT_OF_BOUNDS_NO_POE", "NO_CERTIFICATE_CHAIN_FOUND",
                            "CRYPTO_CONSTRAINTS_FAILURE"},
    "RevokedError": {"REVOKED_NO_POE", "REVOKED_CA_NO_POE"},
    "InsufficientRevinfoError": {"CERTIFICATE_CHAIN_GENERAL_FAILURE", "TRY_LATER"},
    "StaleRevinfoError": {"TRY_LATER"},
    "": {""},
}
_CODES = {
    "PathValidationError": {"certificate_untrusted", "certificate_expired", "certificate_not_yet_valid",
                            "key_usage_unfit", "weak_key"},
    "RevokedError": {"certificate_revoked", "certificate_untrusted"},
    # Missing or unusable revocation data is no reason against signing: the validation afterwards demands it.
    "InsufficientRevinfoError": {"", "certificate_revoked", "key_usage_unfit"},
    "StaleRevinfoError": {""},
    "": {""},
}


@dataclass(frozen=True)
class Case:
    """A path to validate; ``failure`` is empty where NIST expects success."""

    label: str
    certificate: str
    authorities: tuple[str, ...]
    lists: tuple[str, ...]
    failure: str
    has_parameters: bool

    def leaf(self) -> x509.Certificate:
        return _certificate(self.certificate)

    def trust(self) -> TrustStore:
        return TrustStore(
            anchors=(_certificate("TrustAnchorRootCertificate.crt"),),
            intermediates=tuple(_certificate(one) for one in self.authorities),
            crls=tuple(_read(f"crls/{one}") for one in ("TrustAnchorRootCRL.crl", *self.lists)))


@cache
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(DATA)


def _read(name: str) -> bytes:
    return _archive().read(name)


@cache
def _certificate(name: str) -> x509.Certificate:
    with warnings.catch_warnings():  # one certificate has a serial number below zero, on purpose
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(_read(f"certs/{name}"))


def _cases() -> list[Case]:
    return [Case(f"{one['id']} {one['name']}", one["certificate"], tuple(one["authorities"]), tuple(one["lists"]),
                 one["failure"], one["has_parameters"]) for one in json.loads(_read("cases.json"))]


CASES = _cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[one.label.replace(" ", "_") for one in CASES])


def test_the_suite_is_whole_and_every_exception_is_of_it() -> None:
    assert len(CASES) == 246
    assert {*OTHERWISE, *REFUSED_BEFORE_SIGNING} <= {one.label for one in CASES}
    by_label = {one.label: one for one in CASES}
    assert all(by_label[label].has_parameters for label, (_, why) in OTHERWISE.items() if why is _POLICY)


@each_case
def test_validation_comes_to_what_nist_expects(case: Case) -> None:
    found = _validated(case)
    if case.label in OTHERWISE:
        assert found == OTHERWISE[case.label][0]
        assert found not in _NAMES[case.failure]
    else:
        assert found in _NAMES[case.failure]


@each_case
def test_nothing_unsound_may_sign(case: Case) -> None:
    found = _refused(case)
    if case.label in REFUSED_BEFORE_SIGNING:
        assert found == REFUSED_BEFORE_SIGNING[case.label][0]
        assert found not in _CODES[case.failure]
    elif OTHERWISE.get(case.label, ("", ""))[1] is _POLICY:
        assert found in {"", "key_usage_unfit"}
    else:
        assert found in _CODES[case.failure]


def _validated(case: Case) -> str:
    """The sub-indication under the very settings of ``validate_pdf``; empty if the path is good."""
    try:
        trust, leaf = case.trust(), to_asn1(case.leaf())
    except ValueError:
        return UNREADABLE
    knowledge = gather_knowledge(trust, PdfFileReader(BytesIO(blank_pdf())), NOW)
    specification = knowledge.specification(NOW, NOW, leaf)
    timing = ValidationTimingInfo(NOW, NOW, point_in_time_validation=False)
    handlers = bootstrap_validation_data_handlers(specification, timing)
    context = specification.cert_validation_policy.build_validation_context(timing, handlers)
    result = run_sync(validate_cert_usage(
        leaf, context, key_usage_settings=specification.key_usage_settings,
        paths=context.path_builder.async_build_paths_lazy(leaf)))
    return str(result.error_subindic.standard_name) if result.error_subindic else ""


def _refused(case: Case) -> str:
    """The code of the refusal before signing; empty if it may sign."""
    try:
        ensure_can_sign(case.leaf(), None, case.trust(), NOW)
    except errors.CannotSign as refusal:
        return refusal.code
    except ValueError:
        return UNREADABLE
    return ""
