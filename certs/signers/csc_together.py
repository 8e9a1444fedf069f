"""Several documents under one call: their hashes meet, are signed together, and each goes its way.

pyHanko asks for a signature in the middle of making a document, so each document is made in a thread of its own
that waits there until all have come.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography import x509
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationManager,
    CSCCredentialInfo,
    CSCServiceSessionInfo,
    CSCSigner,
    _CSCBatchInfo,
)
from pyhanko.sign.signers.pdf_cms import Signer

from certs._asn1 import to_asn1
from certs.errors import CertsError, SigningError
from certs.pades import SignedDocument, SignRequest, sign_pdf
from certs.signers.csc_model import CscConfig, CscCredentialInfo
from certs.signers.port import ActivationRefused
from certs.tsa import TimeStampService

SignsHashes: TypeAlias = Callable[[Sequence[bytes]], list[bytes]]
Items: TypeAlias = Sequence[tuple[bytes, SignRequest]]


@dataclass(frozen=True)
class Together:
    """How documents are signed together: ``sign`` is given the hashes of all and returns their signatures.

    ``cms_size`` as of a ``HashSigner``.
    """

    config: CscConfig
    info: CscCredentialInfo
    sign: SignsHashes
    cms_size: int
    tsa: TimeStampService | None

    def all_or_none(self, items: Items) -> tuple[SignedDocument | CertsError, ...]:
        """Nothing is signed unless all can be. An error in the result is of a document whose signature was made
        but could not be finished.

        :raises CertsError: why nothing was signed
        """
        meeting, waiting = self._run(items, leaves_out=False)
        if meeting.failure is not None:
            raise meeting.failure
        return tuple(_outcome(one) for one in waiting)

    def those_that_can(self, items: Items) -> tuple[SignedDocument | CertsError, ...]:
        """A document that cannot be prepared is left out; a failure of the call is that of all others."""
        meeting, waiting = self._run(items, leaves_out=True)
        failure = meeting.failure
        if failure is not None and not isinstance(failure, CertsError):
            raise failure
        outcomes = [_outcome(one) for one in waiting]
        return tuple(failure if failure is not None and isinstance(one, _LeftOut) else one for one in outcomes)

    def _run(self, items: Items, *, leaves_out: bool) -> tuple[_Meeting, list[Future[SignedDocument]]]:
        meeting = _Meeting(len(items), self.sign, leaves_out=leaves_out)
        with ThreadPoolExecutor(max_workers=len(items)) as pool:
            return meeting, [pool.submit(self._make, meeting, place, *item) for place, item in enumerate(items)]

    def _make(self, meeting: _Meeting, place: int, pdf: bytes, request: SignRequest) -> SignedDocument:
        try:
            remote = RemoteSigner(self.config, self.info, lambda digest: meeting.sign(place, digest))
            member = _Member(self.info.certificate, self.info.chain, self.info.algorithm.digest, remote, self.cms_size)
            return sign_pdf(pdf, request, member, self.tsa)
        except BaseException as error:  # whatever it is, the others must not wait for this one
            meeting.leave(place, error)
            raise


@dataclass(frozen=True)
class _Member:
    """A ``HashSigner`` of one document."""

    certificate: x509.Certificate
    chain: Sequence[x509.Certificate]
    digest_algorithm: str
    cms_signer: Signer
    cms_size: int


class _LeftOut(SigningError):
    """Something else failed, for all."""


class _Meeting:
    """Where the hashes come together: whoever comes last has them signed, and all go on."""

    def __init__(self, count: int, sign: SignsHashes, *, leaves_out: bool) -> None:
        self._count = count
        self._sign = sign
        self._leaves_out = leaves_out
        self._digests: dict[int, bytes] = {}
        self._signatures: dict[int, bytes] = {}
        self._moved = threading.Condition()
        self.failure: BaseException | None = None

    def sign(self, place: int, digest: bytes) -> bytes:
        """The signature of one member's hash. :raises ActivationRefused: it had one already"""
        with self._moved:
            if place in self._digests:
                raise ActivationRefused("a document of a batch is signed once", "sad", "spent")
            self._digests[place] = digest
            self._settle()
            self._moved.wait_for(lambda: bool(self._signatures) or self.failure is not None)
            if place not in self._signatures:
                raise _LeftOut("the batch was not signed")
            return self._signatures[place]

    def leave(self, place: int, error: BaseException) -> None:
        """A member failed. Before its hash was there, it may be left out; before the signatures are, that ends it
        for all."""
        with self._moved:
            if self._signatures or self.failure is not None:
                return
            if self._leaves_out and place not in self._digests and isinstance(error, CertsError):
                self._count -= 1
                self._settle()
            else:
                self.failure = error
                self._moved.notify_all()

    def _settle(self) -> None:
        """Have the hashes signed, if all are there."""
        if not self._digests or len(self._digests) != self._count or self.failure is not None:
            return
        places = sorted(self._digests)
        try:
            made = self._sign([self._digests[place] for place in places])
            self._signatures = dict(zip(places, made, strict=True))
        except CertsError as error:
            self.failure = error
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._moved.notify_all()


def _outcome(work: Future[SignedDocument]) -> SignedDocument | CertsError:
    try:
        return work.result()
    except CertsError as error:
        return error


class RemoteSigner(CSCSigner):
    """pyHanko's signer with this package's HTTP in place of aiohttp: one stack, one call log, one circuit breaker."""

    def __init__(self, config: CscConfig, info: CscCredentialInfo, sign: Callable[[bytes], bytes]) -> None:
        session = CSCServiceSessionInfo(config.base_url, info.credential_id, api_ver="v2")
        known = CSCCredentialInfo(
            to_asn1(info.certificate), [to_asn1(one) for one in info.chain], frozenset({info.algorithm.mechanism}),
            info.multisign, info.scal == 2, {})
        no_session: Any = None
        super().__init__(no_session, CSCAuthorizationManager(session, known),
                         prefer_pss=bool(info.algorithm.parameters), embed_roots=True)
        self._sign = sign

    async def _do_commit(self, batch: _CSCBatchInfo) -> None:
        try:
            batch.results = [self._sign(base64.b64decode(one)) for one in batch.b64_hashes]
        finally:
            self._current_batch = None
            batch.notifier.set()
