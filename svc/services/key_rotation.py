"""Changing the server key: everything it wraps is wrapped anew, without anybody's passphrase.

In this order, so that a crash at any point leaves a service that starts and a rotation that can be repeated:
the PKI's file is written under the new key beside the old one; one transaction rewraps all envelopes and
TOTP seeds (those that are under the new key already are passed over); the new key is put in its file (where
it was generated, not set) and the old PKI file is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs import vault
from certs.errors import VaultError, WrongServerKey
from svc.adapters.keystore import adopt_server_key, write_pki_under
from svc.deps import Deps
from svc.errors import AppError, InvalidInput
from svc.models import Credential, Person
from svc.services.audit_log import AuditActor, record_stream
from svc.services.second_factor import totp_purpose
from svc.services.signing_keys import STORED, identity_purpose

_STREAM = "administration"


class SealedOtherwise(AppError):
    code, status = "sealed_otherwise", 500
    message = "Sebuah rahasia (%(what)s) tidak terbuka dengan kunci lama maupun kunci baru; tidak ada yang diubah."


def rotate_server_key(deps: Deps, new_key: bytes) -> int:
    """Wrap every key, the PKI and every TOTP seed under ``new_key``; returns how many were rewrapped.

    Running processes keep the old key in memory: stop them first, start them with the new one.

    :raises InvalidInput: not 32 bytes, or the present key
    :raises SealedOtherwise: something opens under neither key; nothing is changed in the database
    """
    if len(new_key) != vault.SERVER_KEY_BYTES or new_key == deps.server_key:
        raise InvalidInput(fields={"new_key": "Kunci baru harus 32 bita dan berbeda dari yang sekarang."})
    write_pki_under(deps.settings, deps.pki, new_key)
    with deps.db.unit_of_work() as session:
        count = _rewrap_credentials(session, deps, new_key) + _rewrap_seeds(session, deps, new_key)
        record_stream(session, _STREAM, "server_key_rotated", AuditActor.system(), deps.clock.now(),
                      {"rewrapped": count})
    adopt_server_key(deps.settings, new_key)
    return count + 2  # with the PKI and the audit signer


def _rewrap_credentials(session: Session, deps: Deps, new_key: bytes) -> int:
    rows = session.execute(
        select(Credential, Person.public_id).join(Person, Person.id == Credential.owner_id)
        .where(Credential.key_envelope.is_not(None)).with_for_update(of=Credential))
    count = 0
    for row, owner_id in rows:
        envelope = row.key_envelope or b""
        if row.backend not in STORED:
            count += _rewrap_identity(deps, new_key, row)
            continue
        old_key = _key_of(deps, new_key, f"credential {row.public_id}", partial(_opens_key, envelope, owner_id, row))
        if old_key != new_key:
            row.key_envelope = vault.rewrap(envelope, old_key, new_key, owner_id, row.public_id)
            count += 1
    return count


def _rewrap_identity(deps: Deps, new_key: bytes, row: Credential) -> int:
    """The sealed number by which a remote service knows a signer."""
    purpose, sealed = identity_purpose(row.public_id), row.key_envelope or b""
    old_key = _key_of(deps, new_key, f"credential {row.public_id}", partial(_opens_seed, sealed, purpose))
    if old_key == new_key:
        return 0
    row.key_envelope = vault.rewrap_secret(sealed, old_key, new_key, purpose)
    return 1


def _rewrap_seeds(session: Session, deps: Deps, new_key: bytes) -> int:
    count = 0
    for person in session.scalars(select(Person).where(Person.totp_secret.is_not(None)).with_for_update()):
        purpose, sealed = totp_purpose(person.public_id), person.totp_secret or b""
        old_key = _key_of(deps, new_key, f"totp {person.public_id}", partial(_opens_seed, sealed, purpose))
        if old_key != new_key:
            person.totp_secret = vault.rewrap_secret(sealed, old_key, new_key, purpose)
            count += 1
    return count


def _key_of(deps: Deps, new_key: bytes, what: str, opens: Callable[[bytes], None]) -> bytes:
    """Under which of the two keys something is sealed."""
    try:
        opens(deps.server_key)
    except WrongServerKey:
        pass
    except VaultError as error:
        raise SealedOtherwise(params={"what": what}) from error
    else:
        return deps.server_key
    try:
        opens(new_key)
    except VaultError as error:
        raise SealedOtherwise(params={"what": what}) from error
    return new_key


def _opens_key(envelope: bytes, owner_id: str, row: Credential, server_key: bytes) -> None:
    vault.rewrap(envelope, server_key, server_key, owner_id, row.public_id)


def _opens_seed(sealed: bytes, purpose: str, server_key: bytes) -> None:
    vault.open_secret(sealed, server_key, purpose)
