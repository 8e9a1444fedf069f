"""BSrE's e-Sign Client Service as a backend of the service."""

from __future__ import annotations

from certs.signers.bsre import (
    BsreActivation,
    BsreClient,
    BsreConfig,
    BsreResults,
    BsreSigner,
    BsreSubject,
    BsreV1Client,
    BsreV2Client,
)
from certs.signers.http import HttpCaller, HttpConfig
from certs.signers.port import ActivationRefused, CallLog, DocumentSigner, SignerNotReady
from svc.adapters.backends import NoLog
from svc.ports import Activation, KeyElsewhere
from svc.settings import Settings


class BsreBackend:
    """Signers are known by their NIK (the key's identity). Signatures are invisible: the page shows its own block."""

    def __init__(self, settings: Settings) -> None:
        self._version = settings.bsre_version
        self._config = BsreConfig(settings.bsre_url, settings.bsre_username, settings.bsre_password.get_secret_value(),
                                  sign_deadline=settings.bsre_seconds)
        self._caller = HttpCaller("bsre", HttpConfig(ca_bundle=settings.backend_ca_file), NoLog())

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        """With a passphrase or, in v2, a code; nothing is asked of the service yet.

        :raises ActivationRefused: neither was typed, or v1 was given a code alone
        """
        if activation.passphrase:
            typed = BsreActivation(passphrase=activation.passphrase)
        elif activation.code and self._version != 1:
            typed = BsreActivation(totp=activation.code)
        else:
            raise ActivationRefused("nothing was typed that the service takes", "passphrase", "missing")
        return BsreSigner(self._client(log), _subject(key), typed)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        """v2 mails a code; v1 knows none."""
        client = self._client(log)
        if isinstance(client, BsreV2Client):
            client.request_totp(_subject(key), count)

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        return BsreResults(self._client(log)).retrieve(reference)

    def _client(self, log: CallLog) -> BsreClient:
        caller = self._caller.logging_to(log)
        return BsreV1Client(self._config, caller) if self._version == 1 else BsreV2Client(self._config, caller)


def _subject(key: KeyElsewhere) -> BsreSubject:
    try:
        return BsreSubject(nik=key.identity)
    except ValueError as error:
        raise SignerNotReady("the credential holds no NIK", "NOT_REGISTERED") from error
