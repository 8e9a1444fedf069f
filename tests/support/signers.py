"""Signers' certificates for the people of a test's world."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from certs import ca
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials
from tests.support.world import World


def give_certificates(world: World, *usernames: str) -> None:
    """Each issues his own, under the demo's passphrase."""
    for username in usernames:
        actor = world.actor(username)
        credentials.issue(world.deps, actor, actor.person_public_id, DEMO_PASSPHRASE)


def foreign_pkcs12(world: World, passphrase: str = "berkas-p12", **subject: str) -> tuple[bytes, x509.Certificate]:
    """A PKCS#12 file of another authority, and that authority's root."""
    now = world.deps.clock.now()
    pki = ca.create_development_pki("Otoritas Lain", now)
    key = ca.generate_signer_key()
    name = ca.SignerSubject(subject.get("common_name", "Fajar Contoh Nugraha"), "Instansi Lain")
    certificate = ca.issue_signer_certificate(pki.issuing, name, key.public_key(), now)
    data = pkcs12.serialize_key_and_certificates(
        b"contoh", key, certificate, list(pki.chain), BestAvailableEncryption(passphrase.encode()))
    return data, pki.root.certificate
