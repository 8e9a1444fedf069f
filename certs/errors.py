"""What can go wrong with keys, certificates and signatures; each class has a stable ``code``.

No message ever carries a passphrase, a key or the text of a document. Services map these to what the
user reads; ``str(error)`` is English and for logs.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class CertsError(Exception):
    """Base of all errors of this package."""

    code: ClassVar[str] = "certs_error"


# --- keys at rest -------------------------------------------------------------------------------------
class VaultError(CertsError):
    """A sealed key or secret could not be opened."""

    code = "vault_error"


class WrongPassphrase(VaultError):
    """The passphrase does not open the envelope or the PKCS#12 file."""

    code = "wrong_passphrase"


class WrongServerKey(VaultError):
    """The envelope was sealed under another server key."""

    code = "wrong_server_key"


class EnvelopeMismatch(VaultError):
    """The envelope belongs to another owner or credential, or was altered."""

    code = "envelope_mismatch"


class EnvelopeBroken(VaultError):
    """The bytes are not an envelope of a known version."""

    code = "envelope_broken"


class WeakPassphrase(VaultError):
    """The new passphrase is shorter than the vault accepts."""

    code = "weak_passphrase"


class Pkcs12Unusable(VaultError):
    """The PKCS#12 file is broken, or holds no private key with its certificate."""

    code = "pkcs12_unusable"


# --- may this certificate sign? -----------------------------------------------------------------------
class CannotSign(CertsError):
    """Base of the reasons for which a signature is refused before it is made."""

    code = "cannot_sign"


class CertificateExpired(CannotSign):
    """The certificate's validity has ended; ``at`` is when (UTC)."""

    code = "certificate_expired"

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(f"certificate expired at {at.isoformat()}")


class CertificateNotYetValid(CannotSign):
    """The certificate's validity has not begun; ``at`` is when it will (UTC)."""

    code = "certificate_not_yet_valid"

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(f"certificate not valid before {at.isoformat()}")


class CertificateRevoked(CannotSign):
    """A list of the issuer names the certificate; ``at`` is since when (UTC), ``reason`` its CRL reason."""

    code = "certificate_revoked"

    def __init__(self, at: datetime, reason: str) -> None:
        self.at = at
        self.reason = reason
        super().__init__(f"certificate revoked at {at.isoformat()} ({reason})")


class KeyUsageUnfit(CannotSign):
    """The certificate is not for signing documents (key usage, extended key usage, or a CA's)."""

    code = "key_usage_unfit"


class KeyMismatch(CannotSign):
    """The key is not the one the certificate speaks of."""

    code = "key_mismatch"


class CertificateUntrusted(CannotSign):
    """No chain leads from the certificate to a trust anchor."""

    code = "certificate_untrusted"


class WeakKey(CannotSign):
    """The key is too short, or of a kind or hash that is no longer accepted."""

    code = "weak_key"


# --- making a signature -------------------------------------------------------------------------------
class SigningError(CertsError):
    """Base of failures while a signature is made; the document given is unchanged."""

    code = "signing_failed"


class LevelUnsupported(SigningError):
    """The level is known but not made here (B-LT and B-LTA)."""

    code = "level_unsupported"


class TimestampUnavailable(SigningError):
    """The level needs a time stamp, and none was given or the authority refused."""

    code = "timestamp_unavailable"


class AlgorithmEnded(SigningError):
    """A further time stamp would count no longer than the last one: an algorithm of it, or the size of the authority's
    key, ends as soon or has ended."""

    code = "algorithm_ended"


class DocumentUnsignable(SigningError):
    """The PDF is broken, encrypted, certified against changes, or lacks the page of the box."""

    code = "document_unsignable"


class FieldNameTaken(SigningError):
    """The document already has a form field of that name."""

    code = "field_name_taken"


class AlreadySigned(SigningError):
    """A certifying signature must be the first, and the document has one already."""

    code = "already_signed"


# --- uploads ------------------------------------------------------------------------------------------
class UploadRefused(CertsError):
    """An uploaded PDF may not become a decree; ``detail`` says where the reason stands (page, object)."""

    code = "upload_refused"

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(f"{self.code}: {detail}" if detail else self.code)


class UploadTooLarge(UploadRefused):
    code = "upload_too_large"


class UploadNotPdf(UploadRefused):
    code = "upload_not_pdf"


class UploadBroken(UploadRefused):
    code = "upload_broken"


class UploadAmbiguous(UploadRefused):
    """It opens, but what it shows is not the same to every reader: nobody could vouch for a signature on it."""

    code = "upload_ambiguous"


class UploadTooComplex(UploadRefused):
    """More strokes and letters than can be looked at in time."""

    code = "upload_too_complex"


class UploadPictureDamaged(UploadRefused):
    """A picture in it is damaged or cut short, and readers show as much of it as each can make of it."""

    code = "upload_picture_damaged"


class UploadPictureUnchecked(UploadRefused):
    """A picture in it is of a kind that nobody here can decode to see whether it is whole."""

    code = "upload_picture_unchecked"


class UploadEncrypted(UploadRefused):
    code = "upload_encrypted"


class UploadHasJavaScript(UploadRefused):
    code = "upload_javascript"


class UploadHasXfa(UploadRefused):
    code = "upload_xfa"


class UploadHasLaunchAction(UploadRefused):
    code = "upload_launch_action"


class UploadHasAttachment(UploadRefused):
    code = "upload_attachment"


class UploadHasRichMedia(UploadRefused):
    code = "upload_rich_media"


class UploadHasForm(UploadRefused):
    """Fields to fill in, or what once was such: each viewer shows their values in its own way, or none."""

    code = "upload_form"


class UploadHasLayers(UploadRefused):
    """Optional content: shown or not, as viewer and printer please."""

    code = "upload_layers"


class UploadHasAnnotations(UploadRefused):
    """Notes, stamps and drawings that lie over the pages, which viewers and printers show or leave out."""

    code = "upload_annotations"


class UploadFontsMissing(UploadRefused):
    """It names fonts that it does not hold: each machine puts another in their place."""

    code = "upload_fonts"


class UploadAlreadySigned(UploadRefused):
    code = "upload_already_signed"


class UploadHasTooManyPages(UploadRefused):
    code = "upload_too_many_pages"


class UploadHasNoPages(UploadRefused):
    code = "upload_no_pages"
