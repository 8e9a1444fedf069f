"""The signing host within the calling process: for tests, single commands, and systems without Unix sockets.

Other processes do not reach it: where web server and worker are two, the key must be held in a third.
"""

from __future__ import annotations

from collections.abc import Sequence

from certs.authorisation import Authorisation
from certs.pades import SignedDocument
from svc.ports import ElsewhereKey, NotSigned, StoredKey, ToSign
from svc.signing_host.holder import KeyHolder
from svc.signing_host.signers import Means


class InlineHost:
    """A :class:`svc.ports.SigningHost`; never down."""

    def __init__(self, means: Means) -> None:
        self._holder = KeyHolder(means)

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        self._holder.open(authorisation, key)

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        return self._holder.sign(authorisation_id, documents)

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        self._holder.forget(authorisation_id, hashes)

    def close(self, authorisation_id: str) -> None:
        self._holder.close(authorisation_id)

    def is_open(self, authorisation_id: str) -> bool:
        return self._holder.is_open(authorisation_id)
