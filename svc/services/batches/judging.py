"""Judging what came of a batch's documents: one in full, the others as strictly by comparison with it.

No document is recorded unjudged. What the cheap judgement (``certs.fast.check``) refuses, or does not know, goes
through full validation, whose answer counts.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from sqlalchemy import select

from certs.errors import CertsError
from certs.fast import BatchSigner, Model, check, make_model
from certs.pades import Level, SignedDocument, SignRequest
from certs.trust import TrustStore
from certs.validation import Indication, Report
from svc.deps import Deps
from svc.models import Credential
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.key_use import certificate_of, chain_of
from svc.services.signing_keys import WHOLE_DOCUMENTS
from svc.services.trust import trust_store, with_intermediates

logger = logging.getLogger(__name__)
_MOST_MODELS = 64


@dataclass(frozen=True)
class _Known:
    """A validated file of one certificate, and the trust under which it was."""

    model: Model
    trust: TrustStore


class _Models:
    """The newest model of each certificate and level, for this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[bytes, Level], _Known] = {}

    def find(self, key: tuple[bytes, Level], trust: TrustStore) -> Model | None:
        with self._lock:
            known = self._known.get(key)
        return known.model if known is not None and known.trust == trust else None

    def keep(self, key: tuple[bytes, Level], known: _Known) -> None:
        with self._lock:
            if len(self._known) >= _MOST_MODELS:
                self._known.clear()
            self._known[key] = known


_MODELS = _Models()


class Judge:
    """Judges the documents of one chunk; trust is looked up once for all of them."""

    def __init__(self, deps: Deps, credential_id: int, expected: production.Expected) -> None:
        self._deps = deps
        self._expected = expected
        self._trust = with_intermediates(trust_store(deps), expected.chain)
        with deps.db.read_session() as session:
            credential = session.scalars(select(Credential).where(Credential.id == credential_id)).one()
        self._certificate: x509.Certificate | None = None
        if credential.backend not in WHOLE_DOCUMENTS:
            self._certificate, self._chain = certificate_of(credential), chain_of(credential)

    def prove(self, act: steps.Claim, frozen: bytes, signed: SignedDocument, request: SignRequest) -> steps.Produced:
        """What was produced, proven as the public will prove it; ``frozen`` was compared with its hash.

        :raises svc.services.signing_errors.ProofPending: :raises svc.services.signing_errors.NotProven: as for
            :func:`svc.services.signing_production.prove`
        """
        if self._certificate is not None and len(signed.pdf) > len(frozen):
            produced = self._by_model(self._certificate, act, frozen, signed, request)
            if produced is not None:
                return produced
        return production.prove(self._deps, act, frozen, signed.pdf, self._expected)

    def _by_model(self, certificate: x509.Certificate, act: steps.Claim, frozen: bytes, signed: SignedDocument,
                  request: SignRequest) -> steps.Produced | None:
        key = (certificate.fingerprint(hashes.SHA256()), request.level)
        now = self._deps.clock.now()
        model = _MODELS.find(key, self._trust)
        try:
            if model is None or not model.judged_at <= now < model.valid_until:
                signer = BatchSigner(certificate, self._chain, request.level, self._deps.tsa)
                model = make_model(frozen, signed, request, signer, self._trust, now)
                _MODELS.keep(key, _Known(model, self._trust))
            report = check(frozen, signed, request, model, now)
        except CertsError as error:  # not what it should be, or nothing that the cheap judgement knows
            logger.info("batch judged in full: attempt=%s why=%s", act.attempt_id, error.code)
            return None
        production.ensure_as_asked(Report(Indication.TOTAL_PASSED, None, (report,), ""), act, self._expected)
        return steps.Produced(signed.pdf, signed.sha256, report)
