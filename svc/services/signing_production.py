"""Making a signature under an authorisation, and proving what came back; nothing is stored or recorded here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509

from certs import pades
from certs.authorisation import AuthorisationError, AuthorisedSigner
from certs.errors import CertsError, TimestampUnavailable
from certs.pades import Level
from certs.person_names import is_same_person
from certs.signers.port import ActivationRefused, BackendUnavailable, OutcomeUnknown, ResultRefused, SignerNotReady
from certs.trust import TrustStore
from certs.validation import Report, is_extension, validate_pdf
from svc.cage.port import CageBusy, CageCrashed, CageTimeout, CageUnavailable
from svc.deps import Deps
from svc.errors import SigningFailed
from svc.models import Credential
from svc.services import authorisations, signing_keys
from svc.services.files import read_file
from svc.services.key_use import chain_of
from svc.services.result_words import pending, unproven
from svc.services.signing_errors import (
    AuthorisationOver,
    BackendDown,
    NotProven,
    ProofPending,
    ResultNotOurs,
    SignedAsAnother,
    StampUnavailable,
    Unknown,
)
from svc.services.signing_keys import WHOLE_DOCUMENTS, OpenedSigner
from svc.services.signing_steps import Claim, Produced
from svc.services.trust import trust_store, with_intermediates

FIELD_NAME = "TandaTangan"
_MAX_TEXT = 200
WHOLE_DOCUMENT_LEVELS = frozenset({"PKCS7-B", "PKCS7-T", "B-B", "B-T"})
# What may still become provable: an anchor can be confirmed, revocation data fetched.
# Nothing but time, or what comes with it, is missing; clocks of others may be a little ahead.
_LATER = frozenset({"TRY_LATER", "NO_CERTIFICATE_CHAIN_FOUND", "OUT_OF_BOUNDS_NO_POE", "NOT_YET_VALID",
                    "TIMESTAMP_ORDER_FAILURE"})


@dataclass(frozen=True)
class Expected:
    """What the bytes that came back must be: the certificate's serial (None where it is not known before), the
    levels allowed, whether it certifies, and whether the certificate must name the signer: where it was not looked at
    before, only its name tells whose it is (BSrE's certificates bear no NIK)."""

    serial: int | None
    levels: frozenset[str]
    certifies: bool
    chain: tuple[x509.Certificate, ...] = ()
    names_signer: bool = False


def produce(deps: Deps, claimed: Claim, opened: OpenedSigner) -> pades.SignedDocument:
    """Have the frozen bytes signed, once, under the claim's authorisation; nothing is stored yet.

    :raises StorageUnavailable: :raises IntegrityViolation: the frozen bytes are not to be had
    :raises StepUpFailed: :raises CredentialLocked: :raises CredentialUnusable: the backend says no to the signer
    :raises Unknown: there may be a signature. :raises ResultNotOurs: something else came back
    :raises SigningFailed: there is none
    """
    frozen = read_file(deps, claimed.frozen_key, claimed.frozen_sha256)
    if claimed.authorisation is None:
        raise AuthorisationOver
    signer = AuthorisedSigner(opened.signer, opened.owner, claimed.authorisation, deps.clock.now,
                              authorisations.ledger(deps, claimed.authorisation))
    try:
        return signer.sign(frozen, request_of(deps, claimed))
    except OutcomeUnknown as error:
        raise Unknown(error.reference) from error
    except ActivationRefused as error:
        raise signing_keys.refused(deps, opened, error) from error
    except SignerNotReady as error:
        raise signing_keys.not_ready(error) from error
    except BackendUnavailable as error:
        raise BackendDown from error
    except TimestampUnavailable as error:
        raise StampUnavailable from error
    except AuthorisationError as error:
        raise AuthorisationOver from error
    except ResultRefused as error:
        raise ResultNotOurs(error.received) from error
    except CertsError as error:
        raise SigningFailed from error


def request_of(deps: Deps, claimed: Claim) -> pades.SignRequest:
    """What the signature of a claimed act states, and where it lies."""
    page, llx, lly, urx, ury = claimed.box
    return pades.SignRequest(
        signed_at=deps.clock.now(), signer_name=claimed.signer_name, field_name=f"{FIELD_NAME}{claimed.ordinal}",
        reason=f"{claimed.title} Nomor {claimed.number}"[:_MAX_TEXT], location=claimed.place,
        contact=deps.settings.base_url, box=pades.SignatureBox(int(page), llx, lly, urx, ury),
        certify=claimed.ordinal == 1, further=_further(claimed), locks=1 < claimed.total == claimed.ordinal,
        level=signing_level(deps), link=claimed.verify_url)


def _further(claimed: Claim) -> tuple[pades.FurtherField, ...]:
    """Fields for those who sign after the first, who certifies the document with them in it."""
    if claimed.ordinal > 1:
        return ()
    return tuple(
        pades.FurtherField(f"{FIELD_NAME}{ordinal}", pades.SignatureBox(*box), locks=ordinal == claimed.total)
        for ordinal, box in enumerate(claimed.further_boxes, start=2))


def signing_level(deps: Deps) -> Level:
    """The level at which signatures are made; higher ones are reached afterwards (``svc.services.preservation``)."""
    wanted = Level(deps.settings.signature_level)
    return wanted if wanted.rank <= Level.B_T.rank else Level.B_T


def expected_of(deps: Deps, opened: OpenedSigner) -> Expected:
    """What this signer's result must be."""
    serial = opened.certificate.serial_number if opened.certificate else None
    return expected(deps, serial, opened.chain, gives_pades=opened.gives_pades)


def expected(deps: Deps, serial: int | None, chain: tuple[x509.Certificate, ...], *, gives_pades: bool) -> Expected:
    """What a result of this certificate (None: told only with the signature) must be."""
    if gives_pades:
        return Expected(serial, frozenset({signing_level(deps).value}), certifies=True, chain=chain)
    return Expected(serial, WHOLE_DOCUMENT_LEVELS, certifies=False, chain=chain, names_signer=True)


def expected_of_credential(deps: Deps, credential: Credential) -> Expected:
    """The same, from its row. A service that takes whole documents may have changed its certificate."""
    gives_pades = credential.backend not in WHOLE_DOCUMENTS
    serial = int(credential.serial, 16) if credential.serial and gives_pades else None
    return expected(deps, serial, chain_of(credential), gives_pades=gives_pades)


def prove(deps: Deps, claimed: Claim, frozen: bytes, signed: bytes, expected: Expected) -> Produced:
    """Validate signed bytes as the public will, and compare them with the frozen ones.

    :raises ProofPending: whole and unchanged, but an anchor or revocation data is missing that may still come; or it
        could not be read yet
    :raises SignedAsAnother: the certificate names somebody else
    :raises NotProven: not the frozen bytes with exactly one more valid signature by that certificate
    """
    if not is_extension(frozen, signed):
        raise _not_proven("NOT_AN_EXTENSION")
    trust = with_intermediates(trust_store(deps), expected.chain)
    report = _validate(deps, signed, trust, expected)
    ensure_as_asked(report, claimed, expected)
    if not report.passed:
        why = report.sub_indication or report.indication.value
        raise ProofPending(pending(why), params={"why": why}) if why in _LATER else _not_proven(why)
    return Produced(signed, hashlib.sha256(signed).hexdigest(), report.signatures[-1])


def _validate(deps: Deps, signed: bytes, trust: TrustStore, expected: Expected) -> Report:
    """What a service made as a whole is looked into in the cage, like anybody's upload; ours, which pyHanko made
    here around a signature, is not hostile.

    :raises ProofPending: the cage has no room, or the file is too much for it, now at least
    """
    if not expected.names_signer:
        return validate_pdf(signed, trust, deps.clock.now())
    try:
        return deps.cage.validate(signed, trust, deps.clock.now())
    except (CageBusy, CageCrashed, CageTimeout, CageUnavailable) as error:
        raise ProofPending(pending("NOT_READ"), params={"why": "NOT_READ"}) from error


def ensure_as_asked(report: Report, claimed: Claim, expected: Expected) -> None:
    """
    :raises SignedAsAnother: by a certificate that names somebody else
    :raises NotProven: other signatures than the one that was asked for, or one of another kind
    """
    if len(report.signatures) != claimed.ordinal:
        raise _not_proven(report.sub_indication or "NOT_AS_ASKED")
    if [int(one.serial, 16) for one in report.signatures[:-1]] != list(claimed.earlier_serials):
        raise _not_proven("NOT_AS_ASKED")
    newest = report.signatures[-1]
    is_as_asked = (
        newest.covers_whole_file and newest.level in expected.levels
        and (not expected.certifies or newest.certifies == (claimed.ordinal == 1))
        and expected.serial in {None, int(newest.serial, 16)})
    if not is_as_asked:
        raise _not_proven("NOT_AS_ASKED")
    if expected.names_signer and not is_same_person(newest.signer_name, claimed.signer_name):
        raise SignedAsAnother(params={"why": "SIGNED_AS_ANOTHER", "found": newest.signer_name or "–",
                                      "wanted": claimed.signer_name})


def _not_proven(why: str) -> NotProven:
    return NotProven(unproven(why), params={"why": why})
