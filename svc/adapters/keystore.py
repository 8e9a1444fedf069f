"""Keys on disk: the server key, the session key and the service's own PKI.

All of it lies in ``var_dir/keys`` (0700), every file 0600 and written whole or not at all. The PKI's private
keys are sealed under the server key (``certs.vault``); their file is named after that key's fingerprint, so
that the old and the new one can stand side by side while the server key is changed.

The keys of TSA, OCSP and audit signer are replaced when a tenth of their certificate's life is left, and the CAs'
certificates get a later end two years ahead: at the next start of any process, or by :func:`renew_pki`.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.algorithms import AlgorithmEnds
from certs.ca import (
    DevelopmentPki,
    Issued,
    Retired,
    SignerSubject,
    create_development_pki,
    generate_signer_key,
    issue_signer_certificate,
)
from certs.errors import VaultError
from certs.renewal import due_roles, extend_authority, is_authority_due, is_due, renew
from certs.tsa import TimeStampAuthority
from certs.vault import SERVER_KEY_BYTES
from svc import failpoints
from svc.pki_addresses import issuing_addresses, root_addresses
from svc.settings import Settings, SettingsError

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_AUDIT_PURPOSE = "audit-signer"
_AUDIT_DAYS = 3650
_SECRET_BYTES = 48
AUTHORITY = "authority"


@dataclass(frozen=True)
class Pki:
    """The service's own authority, and the key under which audit checkpoints are signed."""

    development: DevelopmentPki
    audit: Issued

    @property
    def root_pem(self) -> bytes:
        """The root's certificate, for people who want to trust it."""
        return self.development.root.certificate.public_bytes(Encoding.PEM)

    @property
    def issuing(self) -> Issued:
        return self.development.issuing

    @property
    def tsa(self) -> Issued:
        return self.development.tsa

    @property
    def ocsp(self) -> Issued:
        return self.development.ocsp

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What goes with a signer's certificate: issuing CA, root."""
        return self.development.chain

    @property
    def tsa_certificates(self) -> tuple[x509.Certificate, ...]:
        """Of our time-stamp unit, now and before, newest first."""
        return (self.tsa.certificate, *self.development.retired_certificates("tsa"))

    @property
    def audit_certificates(self) -> tuple[x509.Certificate, ...]:
        """Of the audit signer, now and before, newest first."""
        return (self.audit.certificate, *self.development.retired_certificates("audit"))

    def tsa_service(self) -> TimeStampAuthority:
        """The built-in time-stamp authority (RFC 3161)."""
        return _BuiltInTsa(self.tsa.certificate, self.tsa.key, (self.development.root.certificate,))


class _BuiltInTsa(TimeStampAuthority):
    def respond(self, request_der: bytes, now: datetime) -> bytes:
        failpoints.reach("tsa.before_call")
        answer = super().respond(request_der, now)
        failpoints.reach("tsa.after_call")
        return answer


def load_server_key(settings: Settings) -> bytes:
    """The 32 bytes that wrap keys at rest: from the settings, else (development) made once in ``var_dir``.

    :raises SettingsError: not the base64 of 32 bytes, or not given in production
    """
    given = settings.server_key.get_secret_value()
    if given:
        return decode_server_key(given)
    if settings.is_production:
        raise SettingsError("PARAF_SERVER_KEY must be set")
    text = _load_or_create(
        settings, "server.key", lambda: base64.b64encode(secrets.token_bytes(SERVER_KEY_BYTES)))
    return decode_server_key(text.decode("ascii", "replace").strip())


def decode_server_key(text: str) -> bytes:
    """The key from its base64. :raises SettingsError: it is not the base64 of 32 bytes."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsError("the server key is not base64") from error
    if len(key) != SERVER_KEY_BYTES:
        raise SettingsError(f"the server key must have {SERVER_KEY_BYTES} bytes")
    return key


def load_secret_key(settings: Settings) -> str:
    """What signs sessions and forms: from the settings, else (development) made once in ``var_dir``.

    :raises SettingsError: not given in production
    """
    given = settings.secret_key.get_secret_value()
    if given:
        return given
    if settings.is_production:
        raise SettingsError("PARAF_SECRET_KEY must be set")
    made = _load_or_create(settings, "secret.key", lambda: secrets.token_urlsafe(_SECRET_BYTES).encode())
    return made.decode("ascii", "replace").strip()


def load_or_create_pki(settings: Settings, server_key: bytes, now: datetime) -> Pki:
    """The PKI under ``var_dir/keys/pki``, made at the first start. Safe with several processes starting at once.

    :raises SettingsError: keys are there but sealed under another server key, or damaged; new ones are never
        made over them, since every certificate issued hangs on them
    """
    name = _fingerprint(server_key)
    folder = keys_folder(settings) / "pki"
    if not (folder / f"pki-{name}.sealed").exists() and any(folder.glob("pki-*.sealed")):
        raise SettingsError(
            f"the PKI in {folder} is sealed under another server key: set PARAF_SERVER_KEY to the one it was "
            "made with (or finish the rotation)")
    pki = _load_pki(settings, server_key, now)
    if due := _due(pki, now, settings.ends):
        pki = renew_pki(settings, server_key, now, due)
    if _load_or_create(settings, "pki/root.pem", lambda: pki.root_pem) != pki.root_pem:
        _replace(folder / "root.pem", pki.root_pem)
    return pki


def renew_pki(settings: Settings, server_key: bytes, now: datetime, roles: Sequence[str] = ()) -> Pki:
    """Give TSA, OCSP and audit signer new keys, and the CAs a later end; old certificates stay known for verification.

    One process at a time; another that waited for it finds nothing left to do. Processes that run go on with
    the old keys, which stay valid, until they are started again.

    :param roles: ``tsa``, ``ocsp``, ``audit``, ``authority``: renewed unless another process did it meanwhile; none:
        those due
    :raises SettingsError: as :func:`load_or_create_pki`
    """
    before = _load_pki(settings, server_key, now)
    with _lock(settings):
        pki = _load_pki(settings, server_key, now)
        wanted = [role for role in (roles or _due(pki, now, settings.ends)) if _of(pki, role) == _of(before, role)]
        if not wanted:
            return pki
        name = _fingerprint(server_key)
        development = pki.development
        if AUTHORITY in wanted:  # first, since units never outlive their CA
            development = extend_authority(development, now, root_addresses(settings.base_url))
        development = renew(development, [role for role in wanted if role in ("tsa", "ocsp")], now,
                            root_addresses(settings.base_url), issuing_addresses(settings.base_url), settings.ends)
        audit = pki.audit
        if "audit" in wanted:
            retired = (*development.retired, Retired("audit", pki.audit.certificate))
            development = replace(development, retired=retired)
            audit = _create_audit(settings, development, now)
        # In this order: after a crash between the two the audit signer is known twice, and not unknown.
        _replace(keys_folder(settings) / f"pki/pki-{name}.sealed", development.to_sealed(server_key))
        if "audit" in wanted:
            _replace(keys_folder(settings) / f"pki/audit-{name}.sealed", audit.to_sealed(server_key, _AUDIT_PURPOSE))
    return Pki(development, audit)


def _load_pki(settings: Settings, server_key: bytes, now: datetime) -> Pki:
    name = _fingerprint(server_key)

    def create() -> bytes:
        base_url = settings.base_url
        return create_development_pki(
            _organisation(settings), now, root_addresses=root_addresses(base_url),
            issuing_addresses=issuing_addresses(base_url)).to_sealed(server_key)

    try:
        development = DevelopmentPki.from_sealed(
            _load_or_create(settings, f"pki/pki-{name}.sealed", create), server_key)
        audit = Issued.from_sealed(
            _load_or_create(settings, f"pki/audit-{name}.sealed",
                            lambda: _create_audit(settings, development, now).to_sealed(
                                server_key, _AUDIT_PURPOSE)),
            server_key, _AUDIT_PURPOSE)
    except VaultError as error:
        raise SettingsError(f"the PKI in {keys_folder(settings) / 'pki'} cannot be opened: {error.code}") from error
    return Pki(development, audit)


def _due(pki: Pki, now: datetime, ends: AlgorithmEnds) -> tuple[str, ...]:
    is_audit_due = is_due(pki.audit.certificate, pki.issuing.certificate, now)
    return (*((AUTHORITY,) if is_authority_due(pki.development, now) else ()), *due_roles(pki.development, now, ends),
            *(("audit",) if is_audit_due else ()))


def _of(pki: Pki, role: str) -> x509.Certificate:
    return {"tsa": pki.tsa, "ocsp": pki.ocsp, "audit": pki.audit, AUTHORITY: pki.issuing}[role].certificate


def _organisation(settings: Settings) -> str:
    return f"Provinsi {settings.province}"


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """One process at a time; freed when it ends, however it ends."""
    descriptor = os.open(keys_folder(settings) / "pki" / ".lock", os.O_RDWR | os.O_CREAT, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keys_folder(settings: Settings) -> Path:
    return settings.var_dir / "keys"


def write_pki_under(settings: Settings, pki: Pki, server_key: bytes) -> None:
    """Write the PKI sealed under another server key beside the present one (first half of a rotation)."""
    name = _fingerprint(server_key)
    _load_or_create(settings, f"pki/pki-{name}.sealed", lambda: pki.development.to_sealed(server_key))
    _load_or_create(settings, f"pki/audit-{name}.sealed", lambda: pki.audit.to_sealed(server_key, _AUDIT_PURPOSE))


def adopt_server_key(settings: Settings, server_key: bytes) -> None:
    """Last step of a rotation: put a generated server key in its file, and remove what the old one sealed."""
    if not settings.server_key.get_secret_value():
        _replace(keys_folder(settings) / "server.key", base64.b64encode(server_key))
    name = _fingerprint(server_key)
    for path in sorted((keys_folder(settings) / "pki").glob("*.sealed")):
        if not path.name.endswith(f"-{name}.sealed"):
            path.unlink(missing_ok=True)


def _create_audit(settings: Settings, development: DevelopmentPki, now: datetime) -> Issued:
    key = generate_signer_key()
    subject, at = SignerSubject("Paraf Audit", _organisation(settings)), issuing_addresses(settings.base_url)
    certificate = issue_signer_certificate(development.issuing, subject, key.public_key(), now, _AUDIT_DAYS,
                                           at.crl_url, at.ocsp_url, at.ca_issuers_url)
    return Issued(certificate, key)


def _fingerprint(server_key: bytes) -> str:
    """Names a key and tells nothing of it, since the key itself is random."""
    return hashlib.sha256(b"paraf keystore " + server_key).hexdigest()[:16]


def _load_or_create(settings: Settings, name: str, make: Callable[[], bytes]) -> bytes:
    """The file's content; made once, also when several processes try at the same moment."""
    path = keys_folder(settings) / name
    if not path.exists():
        _ensure_folder(settings, path.parent)
        temporary = _write_temporary(path, make())
        try:
            path.hardlink_to(temporary)  # fails when another process was faster: its file counts
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        _sync_folder(path.parent)
    return path.read_bytes()


def _replace(path: Path, data: bytes) -> None:
    _write_temporary(path, data).replace(path)
    _sync_folder(path.parent)


def _ensure_folder(settings: Settings, folder: Path) -> None:
    for one in (keys_folder(settings), folder):
        one.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        one.chmod(_FOLDER_MODE)


def _write_temporary(path: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), _FILE_MODE)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
