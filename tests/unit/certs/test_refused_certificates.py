"""Every kind of certificate that must be refused before a signature is made, each with its code.

``test_signing_checks.py`` looks closer at single reasons; this is the roll. The honest certificate of the same
making passes, so each refusal is owed to the one thing that the case changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from certs import errors, profiles
from certs.ca import Issued, Revocation, build_crl, issue_signer_certificate
from certs.checks import ensure_can_sign
from certs.ocsp import respond
from certs.trust import TrustStore
from tests.unit.certs.conftest import SUBJECT, World

FIT = profiles.key_usage(digital_signature=True, content_commitment=True)
CA_USAGE = profiles.key_usage(key_cert_sign=True, crl_sign=True)
UNHEARD_OF = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.231905274608347220.9"), b"\x05\x00")
Key = rsa.RSAPrivateKey


@dataclass(frozen=True)
class Try:
    """A certificate about to sign with a key, under a trust, at a moment."""

    certificate: x509.Certificate
    key: Key | None
    trust: TrustStore
    now: datetime


@dataclass(frozen=True)
class Recipe:
    """A certificate to be: what is not said is as it should be."""

    subject: str
    public_key: object
    start: datetime
    end: datetime
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]
    organisation: str = "Pemerintah Contoh"

    def issue(self, issuer: Issued | None, key: Key) -> x509.Certificate:
        """Signed by ``key`` in the issuer's name, or in its own."""
        name = _name(self.subject, self.organisation)
        builder = x509.CertificateBuilder(
            issuer_name=issuer.certificate.subject if issuer else name, subject_name=name,
            public_key=self.public_key,  # type: ignore[arg-type]
            serial_number=x509.random_serial_number()).not_valid_before(self.start).not_valid_after(self.end)
        for extension, is_critical in self.extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(key, hashes.SHA256())


def _name(common_name: str, organisation: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
                      x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                      x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Workshop:
    """Makes certificates below the world's root, from three keys that are there already."""

    world: World
    other: Key

    def leaf(self, *extensions: tuple[x509.ExtensionType, bool], usage: x509.KeyUsage | None = FIT,
             purposes: tuple[x509.ObjectIdentifier, ...] = profiles.PDF_SIGNING, public_key: object = None) -> Recipe:
        kept: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(False, None), True)]
        kept += [(usage, True)] if usage else []
        kept += [(x509.ExtendedKeyUsage(purposes), False)] if purposes else []
        return Recipe("Sari Contoh Utama", public_key or self.world.key.public_key(),
                      self.world.now - timedelta(days=1), self.world.now + timedelta(days=300), (*kept, *extensions))

    def authority(self, *extensions: tuple[x509.ExtensionType, bool], is_ca: bool | None = True, limit: int | None = 0,
                  usage: x509.KeyUsage = CA_USAGE, name: str = "CA Contoh") -> Recipe:
        kept: list[tuple[x509.ExtensionType, bool]] = [(usage, True)]
        if is_ca is not None:
            kept.append((x509.BasicConstraints(is_ca, limit if is_ca else None), True))
        return Recipe(name, self.other.public_key(), self.world.now - timedelta(days=2),
                      self.world.now + timedelta(days=900), (*kept, *extensions))

    def direct(self, recipe: Recipe) -> Try:
        """The recipe under the world's issuing CA, which is sound."""
        return self.attempt(recipe.issue(self.world.pki.issuing, self.world.pki.issuing.key))

    def below(self, authority: Recipe, leaf: Recipe | None = None) -> Try:
        """A sound certificate (or another) under a CA made by recipe, which the world's root has certified."""
        root = self.world.pki.root
        made = Issued(authority.issue(root, root.key), self.other)
        return self.below_made(made, leaf)

    def below_made(self, made: Issued, leaf: Recipe | None = None) -> Try:
        certificate = (leaf or self.leaf()).issue(made, made.key)
        trust = self.world.pki.trust_store()
        return Try(certificate, self.world.key, replace(trust, intermediates=(made.certificate,)), self.world.now)

    def attempt(self, certificate: x509.Certificate, key: Key | None = None) -> Try:
        is_own = certificate.public_key() == self.world.key.public_key()
        return Try(certificate, key or (self.world.key if is_own else None), self.world.trust(at=self.world.now),
                   self.world.now)


@pytest.fixture(scope="session")
def shop(world: World, other_key: Key) -> Workshop:
    return Workshop(world, other_key)


def resigned(certificate: x509.Certificate, key: Key, digest: hashes.HashAlgorithm, serial: int) -> x509.Certificate:
    """The same with another hash in its signature, which the library no longer makes, and another serial number."""
    made = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)).copy()
    algorithm = {"algorithm": f"{digest.name}_rsa", "parameters": None}
    made["tbs_certificate"]["signature"] = algorithm
    made["tbs_certificate"]["serial_number"] = serial
    made["signature_algorithm"] = algorithm
    made["signature_value"] = key.sign(made["tbs_certificate"].dump(), padding.PKCS1v15(), digest)
    return x509.load_der_x509_certificate(made.dump(force=True))


@cache
def _weak_keys() -> dict[str, object]:
    return {
        "RSA of 1024 bits": rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(),  # noqa: S505
        "P-192": ec.generate_private_key(ec.SECP192R1()).public_key(),
        "P-224": ec.generate_private_key(ec.SECP224R1()).public_key(),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
        "DSA": dsa.generate_private_key(2048).public_key(),
    }


def revoked_by_ocsp(shop: Workshop) -> Try:
    """The certificate must say where its responder is, as those of every authority with OCSP do."""
    world = shop.world
    certificate = issue_signer_certificate(
        world.pki.issuing, SUBJECT, world.key.public_key(), world.now, ocsp_url="http://ocsp.example/")
    question = ocsp.OCSPRequestBuilder().add_certificate(
        certificate, world.pki.issuing.certificate, hashes.SHA256()).build().public_bytes(Encoding.DER)
    answer = respond(question, world.pki.issuing.certificate, world.pki.ocsp,
                     lambda serial: Revocation(serial, world.now, x509.ReasonFlags.superseded), world.later,
                     timedelta(days=1))
    trust = world.pki.trust_store().with_revocation(ocsps=(answer,))
    return Try(certificate, world.key, trust, world.later + timedelta(minutes=1))


def revoked_by_a_list_long_over(shop: Workshop) -> Try:
    world = shop.world
    trust = world.trust(Revocation(world.certificate.serial_number, world.now))
    return Try(world.certificate, world.key, trust, world.now + timedelta(days=30))


def authority_revoked(shop: Workshop) -> Try:
    world = shop.world
    lists = build_crl(world.pki.root, [Revocation(world.pki.issuing.certificate.serial_number, world.now)],
                      world.now, world.later + timedelta(days=1))
    trust = replace(world.pki.trust_store(), crls=(lists, world.crl()))
    return Try(world.certificate, world.key, trust, world.later)


def same_name_other_key(shop: Workshop) -> Try:
    """Somebody calls his CA as ours is called."""
    return shop.attempt(shop.leaf().issue(shop.world.pki.issuing, shop.other))


def two_below_a_limit_of_none(shop: Workshop) -> Try:
    root = shop.world.pki.root
    upper = Issued(shop.authority(limit=0, name="CA Atas").issue(root, root.key), shop.other)
    lower = Issued(shop.authority(limit=None, name="CA Bawah").issue(upper, shop.other), shop.other)
    tried = shop.below_made(lower)
    both = (upper.certificate, lower.certificate)
    return replace(tried, trust=replace(tried.trust, intermediates=both))


def names_permitted(shop: Workshop, permitted: str | None, excluded: str | None) -> Try:
    def subtree(organisation: str | None) -> list[x509.GeneralName] | None:
        if organisation is None:
            return None
        return [x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
                                              x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]))]

    constraints = x509.NameConstraints(subtree(permitted), subtree(excluded))
    return shop.below(shop.authority((constraints, True)))


def altered(shop: Workshop) -> Try:
    der = bytearray(shop.direct(shop.leaf()).certificate.public_bytes(Encoding.DER))
    place = der.index(b"Sari Contoh")
    der[place] ^= 1
    return shop.attempt(x509.load_der_x509_certificate(bytes(der)))


def authority_over(shop: Workshop) -> Try:
    recipe = replace(shop.authority(), end=shop.world.now - timedelta(minutes=1))
    return shop.below(recipe)


def signed_with(digest: hashes.HashAlgorithm) -> Callable[[Workshop], Try]:
    def make(shop: Workshop) -> Try:
        return shop.attempt(resigned(shop.direct(shop.leaf()).certificate, shop.world.pki.issuing.key, digest, 7))

    return make


def numbered(serial: int) -> Callable[[Workshop], Try]:
    def make(shop: Workshop) -> Try:
        honest = shop.direct(shop.leaf()).certificate
        return shop.attempt(resigned(honest, shop.world.pki.issuing.key, hashes.SHA256(), serial))

    return make


def authority_signed_with(digest: hashes.HashAlgorithm) -> Callable[[Workshop], Try]:
    def make(shop: Workshop) -> Try:
        root = shop.world.pki.root
        made = resigned(shop.authority().issue(root, root.key), root.key, digest, 7)
        return shop.below_made(Issued(made, shop.other))

    return make


def with_key(kind: str) -> Callable[[Workshop], Try]:
    return lambda shop: shop.direct(shop.leaf(public_key=_weak_keys()[kind]))


def moved(days: int) -> Callable[[Workshop], Try]:
    def make(shop: Workshop) -> Try:
        tried = shop.direct(shop.leaf())
        return replace(tried, now=tried.now + timedelta(days=days))

    return make


NO_REPUDIATION = x509.KeyUsage(False, False, True, True, False, False, False, False, False)
NEEDS_POLICY = x509.PolicyConstraints(0, None)

# name: (code, how to make it)
REFUSED: dict[str, tuple[str, Callable[[Workshop], Try]]] = {
    "expired": ("certificate_expired", moved(301)),
    "not yet valid": ("certificate_not_yet_valid", moved(-2)),
    "revoked by a list": ("certificate_revoked", lambda shop: Try(
        shop.world.certificate, shop.world.key,
        shop.world.trust(Revocation(shop.world.certificate.serial_number, shop.world.now)), shop.world.later)),
    "revoked by a list that is over": ("certificate_revoked", revoked_by_a_list_long_over),
    "revoked by an OCSP response": ("certificate_revoked", revoked_by_ocsp),
    "a CA's": ("key_usage_unfit", lambda shop: shop.attempt(shop.world.pki.issuing.certificate)),
    "without key usage": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(usage=None))),
    "for encipherment": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(usage=NO_REPUDIATION))),
    "for web servers": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(purposes=(Purpose.SERVER_AUTH,)))),
    "for web clients": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(purposes=(Purpose.CLIENT_AUTH,)))),
    "for code": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(purposes=(Purpose.CODE_SIGNING,)))),
    "for time stamps": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(purposes=(Purpose.TIME_STAMPING,)))),
    "for OCSP": ("key_usage_unfit", lambda shop: shop.direct(shop.leaf(purposes=(Purpose.OCSP_SIGNING,)))),
    **{f"key: {kind}": ("weak_key", with_key(kind)) for kind in
       ("RSA of 1024 bits", "P-192", "P-224", "Ed25519", "DSA")},
    "signed with SHA-1": ("weak_key", signed_with(hashes.SHA1())),  # noqa: S303
    "signed with MD5": ("weak_key", signed_with(hashes.MD5())),  # noqa: S303
    "of another key": ("key_mismatch", lambda shop: shop.attempt(shop.world.certificate, shop.other)),
    "self-signed": ("certificate_untrusted", lambda shop: shop.attempt(shop.leaf().issue(None, shop.world.key))),
    "of a CA that nobody certified": ("certificate_untrusted", lambda shop: shop.below_made(
        Issued(shop.authority().issue(None, shop.other), shop.other))),
    "of a stranger who took our CA's name": ("certificate_untrusted", same_name_other_key),
    "of a CA that is missing": ("certificate_untrusted", lambda shop: replace(
        shop.below(shop.authority()), trust=shop.world.pki.trust_store())),
    "altered": ("certificate_untrusted", altered),
    "of a revoked CA": ("certificate_untrusted", authority_revoked),
    "of an expired CA": ("certificate_untrusted", authority_over),
    "of a CA without basicConstraints": ("certificate_untrusted", lambda shop: shop.below(
        shop.authority(is_ca=None))),
    "of what is no CA": ("certificate_untrusted", lambda shop: shop.below(shop.authority(is_ca=False))),
    "of a CA that may not sign certificates": ("certificate_untrusted", lambda shop: shop.below(
        shop.authority(usage=profiles.key_usage(crl_sign=True)))),
    "of a CA signed with SHA-1": ("certificate_untrusted", authority_signed_with(hashes.SHA1())),  # noqa: S303
    "of a CA signed with MD5": ("certificate_untrusted", authority_signed_with(hashes.MD5())),  # noqa: S303
    "below a path length that is used up": ("certificate_untrusted", two_below_a_limit_of_none),
    "of a name not permitted": ("certificate_untrusted", lambda shop: names_permitted(shop, "Lain", None)),
    "of an excluded name": ("certificate_untrusted", lambda shop: names_permitted(shop, None, "Pemerintah Contoh")),
    "without the policy that its CA demands": ("certificate_untrusted", lambda shop: shop.below(
        shop.authority((NEEDS_POLICY, True)))),
    "with an unknown critical extension": ("certificate_untrusted", lambda shop: shop.direct(
        shop.leaf((UNHEARD_OF, True)))),
    "of a CA with an unknown critical extension": ("certificate_untrusted", lambda shop: shop.below(
        shop.authority((UNHEARD_OF, True)))),
    "numbered zero": ("certificate_untrusted", numbered(0)),
    "numbered below zero": ("certificate_untrusted", numbered(-5)),
}
PASSING: dict[str, Callable[[Workshop], Try]] = {
    "honest": lambda shop: shop.direct(shop.leaf()),
    "honest, below a CA of the same making": lambda shop: shop.below(shop.authority()),
    "of a permitted name": lambda shop: names_permitted(shop, "Pemerintah Contoh", "Lain"),
    "with an unknown extension that is not critical": lambda shop: shop.direct(shop.leaf((UNHEARD_OF, False))),
    "altered in nothing but the serial number": numbered(7),
}


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_code(shop: Workshop, name: str) -> None:
    code, make = REFUSED[name]
    tried = make(shop)
    with pytest.raises(errors.CannotSign) as caught:
        ensure_can_sign(tried.certificate, tried.key, tried.trust, tried.now)
    assert caught.value.code == code


@pytest.mark.parametrize("name", PASSING)
def test_not_refused_without_that_fault(shop: Workshop, name: str) -> None:
    tried = PASSING[name](shop)
    ensure_can_sign(tried.certificate, tried.key, tried.trust, tried.now)


def test_there_are_enough_kinds() -> None:
    assert len(REFUSED) >= 17
