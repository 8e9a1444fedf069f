"""A security module as a backend of the service."""

from __future__ import annotations

from certs import pades
from certs.signers.pkcs11 import Pkcs11Config, Pkcs11Signer
from certs.signers.port import CallLog, DocumentSigner, SignerNotReady
from certs.tsa import TimeStampService
from svc.ports import Activation, KeyElsewhere
from svc.settings import Settings


class Pkcs11Backend:
    """Keys are named by ``token`` and ``label`` in the credential's config."""

    takes_code = False

    def __init__(self, settings: Settings, tsa: TimeStampService) -> None:
        self._module = settings.pkcs11_module
        self._tsa = tsa

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        if key.certificate is None:
            raise SignerNotReady("the credential has no certificate yet", "NO_CERTIFICATE")
        config = Pkcs11Config(self._module, str(key.config["token"]))
        signer = Pkcs11Signer(config, str(key.config["label"]), activation.passphrase, key.certificate, key.chain)
        return pades.lift(signer, self._tsa)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        """Tokens send no codes."""

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        """A token is no farther than this process: nothing gets lost on the way."""
        return None
