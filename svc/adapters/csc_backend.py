"""CSC API v2 as a backend of the service."""

from __future__ import annotations

from cryptography import x509

from certs.signers.csc import CscActivation, CscClient, CscConfig, CscCredentialInfo, CscDocuments
from certs.signers.csc_http import CscTransport
from certs.signers.port import CallLog, DocumentSigner
from certs.tsa import TimeStampService
from svc.adapters.backends import NoLog
from svc.ports import Activation, Clock, KeyElsewhere
from svc.settings import Settings


class CscBackend:
    """Credentials are named by ``credential_id`` in their config."""

    takes_code = True

    def __init__(self, settings: Settings, tsa: TimeStampService, clock: Clock) -> None:
        config = CscConfig(
            settings.csc_url, bearer_token=settings.csc_token.get_secret_value(), client_id=settings.csc_client_id,
            client_secret=settings.csc_client_secret.get_secret_value(), ca_bundle=settings.backend_ca_file)
        # One for all acts, so that breaker, connections and access token are shared; each act brings its own log.
        self._client = CscClient(config, CscTransport(config, NoLog()), clock.now)
        self._tsa = tsa

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        client, info = self._credential(key, log)
        return CscDocuments(client, info, CscActivation(activation.passphrase, activation.code), self._tsa)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        client, info = self._credential(key, log)
        client.send_otp(info)

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        """The service signs hashes and keeps no document: a lost answer is lost."""
        return None

    def look_up(self, remote_id: str, log: CallLog) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
        info = self._client.logging_to(log).credential(remote_id)
        return info.certificate, tuple(info.chain)

    def _credential(self, key: KeyElsewhere, log: CallLog) -> tuple[CscClient, CscCredentialInfo]:
        client = self._client.logging_to(log)
        return client, client.credential(str(key.config["credential_id"]))
