"""What signatures are checked against: our own authority, the operator's anchors, current revocation lists."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from certs.ca import Revocation, build_crl
from certs.trust import TrustStore
from svc.deps import Deps
from svc.errors import ServiceUnavailable
from svc.models import Credential
from svc.services.confirmed_trust import confirmed_trust

FOLDERS = ("signer", "timestamp")
CRL_LIFE = timedelta(hours=24)
CRL_RENEWAL = timedelta(hours=12)


class TrustFolderUnusable(ServiceUnavailable):
    code = "trust_folder_unusable"
    message = "Berkas kepercayaan %(file)s di server tidak dapat dibaca. Hubungi administrator."


@dataclass(frozen=True)
class _KnownList:
    """A list that was signed, for how many revocations, and when."""

    crl: bytes
    state: tuple[int, datetime | None]
    made_at: datetime


_lists: dict[bytes, _KnownList] = {}
_lists_lock = threading.Lock()


def current_crl(deps: Deps, since: datetime | None = None) -> bytes:
    """The issuing CA's revocation list (DER, RFC 5280), good for 24 hours.

    Signed anew after every revocation, by whichever process it was made, when half its life is over, and when
    it is older than ``since``: a list from before a signature says nothing of it.
    """
    issuer = deps.pki.issuing.certificate.fingerprint(hashes.SHA256())
    now = deps.clock.now()
    with deps.db.read_session() as session:
        count, latest = session.execute(
            select(func.count(), func.max(Credential.revoked_at))
            .where(Credential.status == "revoked", Credential.is_own_issue)).one()
        state = (count, latest)
        with _lists_lock:
            known = _lists.get(issuer)
        if known is not None and known.state == state and known.made_at <= now < known.made_at + CRL_RENEWAL and (
                since is None or since <= known.made_at):
            return known.crl
        rows = session.execute(
            select(Credential.serial, Credential.revoked_at, Credential.revocation_reason)
            .where(Credential.status == "revoked", Credential.is_own_issue))
        revoked = [Revocation(int(serial, 16), at or now, x509.ReasonFlags[reason or "unspecified"])
                   for serial, at, reason in rows]
    crl = build_crl(deps.pki.issuing, revoked, now, now + CRL_LIFE)
    with _lists_lock:
        _lists[issuer] = _KnownList(crl, state, now)
    return crl


def trust_store(deps: Deps, since: datetime | None = None) -> TrustStore:
    """Our root, the confirmed anchors each for its purpose with the lists that were fetched, and what the operator
    put into ``var/trust``: anchors for signers (``signer/*.pem``), for time stamps (``timestamp/*.pem``), and lists
    (``*.crl``, there or above). Certificates outside of these two folders are trusted for nothing.

    :param since: our own list is at least as young as that
    :raises TrustFolderUnusable: a file there cannot be read
    """
    own = replace(deps.pki.development.trust_store((current_crl(deps, since),)), ends=deps.settings.ends)
    folder = deps.settings.var_dir / "trust"
    confirmed = confirmed_trust(deps)
    if not folder.is_dir():
        return confirmed.added_to(own)
    # Anchors of others are trusted; the CAs below them come along in the files or are anchors too.
    found = in_folders(deps)
    signer, timestamp = (tuple(one for wanted, _, one in found if wanted == purpose) for purpose in FOLDERS)
    lists = tuple(_list(path) for place in (folder, *(folder / purpose for purpose in FOLDERS))
                  for path in sorted(place.glob("*.crl")))
    return replace(confirmed, signer=(*confirmed.signer, *signer), timestamp=(*confirmed.timestamp, *timestamp)
                   ).added_to(own.with_revocation(lists))


def in_folders(deps: Deps) -> tuple[tuple[str, str, x509.Certificate], ...]:
    """What ``var/trust`` makes trusted without a confirmation: purpose, the file's name and certificate.

    :raises TrustFolderUnusable: a file there cannot be read
    """
    folder = deps.settings.var_dir / "trust"
    return tuple((purpose, path.name, one) for purpose in FOLDERS
                 for path in sorted((folder / purpose).glob("*.pem")) for one in _certificates(path))


def misplaced(deps: Deps) -> tuple[str, ...]:
    """Names of certificates in ``var/trust`` itself, which earlier versions trusted for everything: for nothing now."""
    return tuple(sorted(path.name for path in (deps.settings.var_dir / "trust").glob("*.pem")))


def with_intermediates(trust: TrustStore, chain: tuple[x509.Certificate, ...]) -> TrustStore:
    """The same trust that also knows the CA certificates kept with a credential."""
    return replace(trust, intermediates=(*trust.intermediates, *chain))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TrustFolderUnusable(params={"file": path.name}) from error


def _list(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        crl = x509.load_pem_x509_crl(data) if data.startswith(b"-----") else x509.load_der_x509_crl(data)
    except (OSError, ValueError) as error:
        raise TrustFolderUnusable(params={"file": path.name}) from error
    return crl.public_bytes(Encoding.DER)
