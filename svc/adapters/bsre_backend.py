"""BSrE's e-Sign Client Service as a backend of the service."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import segno

from certs.signers.bsre import (
    BsreActivation,
    BsreAppearance,
    BsreClient,
    BsreConfig,
    BsreImage,
    BsreQr,
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

_MAX_IMAGE = 1024 * 1024


class BsreBackend:
    """Signers are known by the key's identity: a NIK or, in v2, an e-mail address. Signatures are invisible, since the
    page shows its own block, unless the settings say otherwise.

    :raises ValueError: the picture of the settings is not to be had
    """

    def __init__(self, settings: Settings) -> None:
        self._version = settings.bsre_version
        self._config = BsreConfig(settings.bsre_url, settings.bsre_username, settings.bsre_password.get_secret_value(),
                                  sign_deadline=settings.bsre_seconds, corner_sizes=settings.bsre_corner_sizes,
                                  halaman="" if settings.bsre_page == "box" else settings.bsre_page,
                                  totp_name=settings.bsre_totp_name, max_files=settings.bsre_max_files)
        self._appearance = _appearance(settings)
        self._caller = HttpCaller("bsre", HttpConfig(ca_bundle=settings.backend_ca_file), NoLog())

    @property
    def takes_code(self) -> bool:
        """v2 mails codes; v1 knows none."""
        return self._version != 1

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        """With a passphrase or, in v2, a code; nothing is asked of the service yet.

        :raises ActivationRefused: neither was typed, or v1 was given a code alone
        :raises SignerNotReady: v1, and the signer was registered by e-mail address
        """
        subject = self._subject(key)
        if activation.passphrase:
            typed = BsreActivation(passphrase=activation.passphrase)
        elif activation.code and self.takes_code:
            typed = BsreActivation(totp=activation.code)
        else:
            raise ActivationRefused("nothing was typed that the service takes", "passphrase", "missing")
        return BsreSigner(self._client(log), subject, typed, self._appearance)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        """v2 mails a code; v1 knows none."""
        client = self._client(log)
        if isinstance(client, BsreV2Client):
            client.request_totp(self._subject(key), count)

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        return BsreResults(self._client(log)).retrieve(reference)

    def _subject(self, key: KeyElsewhere) -> BsreSubject:
        by_address = "@" in key.identity
        if by_address and self._version == 1:
            raise SignerNotReady("v1 knows signers by NIK, and this one was registered by e-mail address", "NIK_NEEDED")
        try:
            return BsreSubject(email=key.identity) if by_address else BsreSubject(nik=key.identity)
        except ValueError as error:
            raise SignerNotReady("the credential holds no NIK", "NOT_REGISTERED") from error

    def _client(self, log: CallLog) -> BsreClient:
        caller = self._caller.logging_to(log)
        return BsreV1Client(self._config, caller) if self._version == 1 else BsreV2Client(self._config, caller)


def _appearance(settings: Settings) -> BsreAppearance | None:
    if settings.bsre_appearance == "invisible":
        return None
    shows: BsreImage | BsreQr = BsreQr("")
    if settings.bsre_appearance == "image" or (settings.bsre_appearance == "tag" and settings.bsre_image):
        shows = _image(settings.bsre_image)
    mark = settings.bsre_tag if settings.bsre_appearance == "tag" else ""
    return BsreAppearance(shows, mark, settings.bsre_width, settings.bsre_height, _draw_qr)


def _image(path: str) -> BsreImage:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"bsre_image cannot be read: {type(error).__name__}") from error
    if len(data) > _MAX_IMAGE:
        raise ValueError("bsre_image is larger than 1 MiB")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return BsreImage(data, "image/png")
    if data.startswith(b"\xff\xd8\xff"):
        return BsreImage(data, "image/jpeg")
    raise ValueError("bsre_image is neither PNG nor JPEG")


def _draw_qr(link: str) -> bytes:
    output = BytesIO()
    segno.make(link, error="m").save(output, kind="png", scale=6, border=2)
    return output.getvalue()
