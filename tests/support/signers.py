"""Signers' certificates for the people of a test's world."""

from __future__ import annotations

from datetime import timedelta

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from certs import ca
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials
from svc.services.trust import FOLDERS
from tests.support.world import World


def give_certificates(world: World, *usernames: str) -> None:
    """Each issues his own, under the demo's passphrase."""
    for username in usernames:
        actor = world.actor(username)
        credentials.issue(world.deps, actor, actor.person_public_id, DEMO_PASSPHRASE)


def foreign_pkcs12(world: World, file_secret: str,
                   name: str = "Fajar Contoh Nugraha") -> tuple[bytes, ca.DevelopmentPki]:
    """A PKCS#12 file of another authority in a name, and that authority."""
    now = world.deps.clock.now()
    pki = ca.create_development_pki("Otoritas Lain", now)
    key = ca.generate_signer_key()
    subject = ca.SignerSubject(name, "Instansi Lain")
    certificate = ca.issue_signer_certificate(pki.issuing, subject, key.public_key(), now)
    data = pkcs12.serialize_key_and_certificates(
        b"contoh", key, certificate, list(pki.chain), BestAvailableEncryption(file_secret.encode()))
    return data, pki


def trust_authority(world: World, pki: ca.DevelopmentPki) -> None:
    """What an operator does: root and current revocation lists into ``var/trust``, for signatures and stamps."""
    now = world.deps.clock.now()
    folder = world.deps.settings.var_dir / "trust"
    for purpose in FOLDERS:
        (folder / purpose).mkdir(parents=True, exist_ok=True)
        (folder / purpose / "lain.pem").write_bytes(pki.root.certificate.public_bytes(Encoding.PEM))
    (folder / "lain-root.crl").write_bytes(pki.root_crl)
    (folder / "lain-issuing.crl").write_bytes(ca.build_crl(pki.issuing, (), now, now + timedelta(days=1)))
