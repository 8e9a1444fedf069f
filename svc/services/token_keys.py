"""Keys in the operator's security module (PKCS#11): made there, certified by request, named by token and label.

Nothing of a key is kept here. A PIN is used for one act and forgotten; its owner types it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.errors import CertsError, KeyMismatch
from certs.signers import pkcs11
from certs.signers.port import ActivationRefused, BackendRefused, BackendUnavailable, SignerNotReady
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, Conflict, CredentialUnusable, Forbidden, InvalidInput, ServiceUnavailable
from svc.roles import is_allowed
from svc.services.audit_log import AuditActor, record_stream
from svc.services.key_use import STREAM

KINDS: Final[tuple[pkcs11.KeyKind, ...]] = ("rsa2048", "rsa3072", "p256", "p384")
_LONGEST_TOKEN, _LONGEST_LABEL, _LONGEST_NAME, _LONGEST_PIN = 32, 64, 64, 256


class NotSetUp(CredentialUnusable):
    code = "backend_not_set_up"
    message: ClassVar[str] = "Tempat kunci ini belum disetel di server ini."


class TokenUnavailable(ServiceUnavailable):
    code = "token_unavailable"
    message: ClassVar[str] = (
        "Modul keamanan tidak menjawab. Tidak ada yang berubah. Pastikan ia menyala dan tersambung, lalu coba lagi.")


class TokenRefused(Conflict):
    code = "token_refused"
    message: ClassVar[str] = "Token menolak permintaan ini (%(why)s). Hubungi pengelola modul keamanan."


def request_certificate(deps: Deps, actor: Actor | None, token: str, label: str, pin: str, name: str,
                        organisation: str, kind: str = "") -> bytes:
    """A certification request (PKCS#10, RFC 2986; PEM) signed by the key ``label`` in ``token``.

    :param actor: an administrator; None for the operator's command line
    :param kind: one of :data:`KINDS`: the key is made first; empty: it is there already
    :raises InvalidInput: a field, the PIN, no such token or key, or a key of that label is there already
    :raises NotSetUp: no security module. :raises TokenUnavailable: :raises TokenRefused: :raises Forbidden: refused
    """
    if actor is not None and not is_allowed("admin.certificates", actor.roles):
        raise Forbidden
    place, secret = config_of(deps, token, label), _pin(pin)
    subject, body = _name(name, "name"), _name(organisation, "organisation")
    wanted = next((one for one in KINDS if one == kind), None)
    if kind and wanted is None:
        raise InvalidInput(fields={"kind": "Pilih jenis kunci dari daftar."})
    label = label.strip()
    if wanted is not None:
        with in_words():
            pkcs11.generate_key(place, secret, label, wanted)
        _record(deps, actor, "token_key_made", {"token": place.token, "label": label, "kind": wanted})
    with in_words():
        request = x509.load_der_x509_csr(pkcs11.build_csr(place, secret, label, subject, body))
    key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _record(deps, actor, "certificate_requested",
            {"token": place.token, "label": label, "key_sha256": hashlib.sha256(key).hexdigest()})
    return request.public_bytes(Encoding.PEM)


def store_certificate(deps: Deps, token: str, label: str, pin: str, certificate: x509.Certificate,
                      chain: tuple[x509.Certificate, ...]) -> None:
    """Put the issued certificate beside its key, which proves that it is this key's.

    :raises InvalidInput: the PIN, no such token or key, or the certificate speaks of another key
    :raises NotSetUp: :raises TokenUnavailable: :raises TokenRefused: as for :func:`request_certificate`
    """
    place, secret = config_of(deps, token, label), _pin(pin)
    with in_words():
        pkcs11.import_certificate(place, secret, label.strip(), certificate, chain)


def config_of(deps: Deps, token: str, label: str) -> pkcs11.Pkcs11Config:
    """:raises InvalidInput: a name is missing or no name. :raises NotSetUp: no security module"""
    if not deps.settings.pkcs11_module:
        raise NotSetUp
    faults = {field: text for field, text, value, longest in (
        ("token", "Isi nama token.", token, _LONGEST_TOKEN), ("label", "Isi nama kunci.", label, _LONGEST_LABEL))
        if not _is_name(value.strip(), longest)}
    if faults:
        raise InvalidInput(fields=faults)
    return pkcs11.Pkcs11Config(deps.settings.pkcs11_module, token.strip())


@contextmanager
def in_words() -> Iterator[None]:
    """What a token refuses, as something that its user can read."""
    try:
        yield
    except CertsError as error:
        raise _in_words(error) from error


def _in_words(error: CertsError) -> AppError:
    if isinstance(error, ActivationRefused):
        return InvalidInput(fields={"pin": "PIN salah. Setelah beberapa kali salah, token mengunci diri."})
    if isinstance(error, SignerNotReady):
        if error.status == "NoSuchKey":
            return InvalidInput(fields={"label": "Token ini tidak memuat kunci dengan nama itu."})
        return InvalidInput(fields={"pin": "PIN token ini terkunci, kedaluwarsa, atau belum disetel."})
    if isinstance(error, KeyMismatch):
        return InvalidInput(fields={"certificate": "Sertifikat ini untuk kunci lain, bukan kunci di token itu."})
    if isinstance(error, BackendRefused):
        if error.backend_code == "label_taken":
            return InvalidInput(fields={"label": "Token ini sudah memuat kunci dengan nama itu."})
        return TokenRefused(params={"why": error.backend_code or error.code})
    if isinstance(error, BackendUnavailable) and error.backend_code == "NoSuchToken":
        return InvalidInput(fields={"token": "Tidak ada token dengan nama itu di modul keamanan."})
    return TokenUnavailable()


def _record(deps: Deps, actor: Actor | None, event: str, payload: dict[str, str]) -> None:
    by = AuditActor.of(actor) if actor is not None else AuditActor.system()
    with deps.db.unit_of_work() as session:
        record_stream(session, STREAM, event, by, deps.clock.now(), payload)


def _pin(typed: str) -> str:
    if not typed or len(typed) > _LONGEST_PIN:
        raise InvalidInput(fields={"pin": "Ketik PIN token."})
    return typed


def _name(value: str, field: str) -> str:
    cleaned = " ".join(value.split())
    if not _is_name(cleaned, _LONGEST_NAME):
        raise InvalidInput(fields={field: "Isi paling banyak 64 karakter."})
    return cleaned


def _is_name(value: str, longest: int) -> bool:
    return bool(value) and len(value) <= longest and value.isprintable()
