"""Keys and certificates in PKCS#11 tokens: made there, never seen outside, certified by request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pkcs11
from asn1crypto import algos, csr, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as module_errors
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key

from certs import errors
from certs._asn1 import to_asn1
from certs.signers.pkcs11_sessions import Pkcs11Config, token_session
from certs.signers.port import BackendRefused

KeyKind = Literal["rsa2048", "rsa3072", "p256", "p384"]
_CURVES = {"p256": "secp256r1", "p384": "secp384r1"}
_RSA_MECHANISMS = {
    "sha256": Mechanism.SHA256_RSA_PKCS, "sha384": Mechanism.SHA384_RSA_PKCS, "sha512": Mechanism.SHA512_RSA_PKCS}


@dataclass(frozen=True)
class Pkcs11Key:
    """A private key in a token, as a list shows it. ``kind`` is RSA or EC; ``certificate`` may be missing yet;
    ``chain`` is what the token holds above it, nearest first."""

    label: str
    kind: str
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...] = ()


def generate_key(config: Pkcs11Config, pin: str, label: str, kind: KeyKind = "rsa2048", *,
                 asks_each_time: bool = False) -> None:
    """Make a key pair in the token, for signing alone: sensitive, never extractable. Errors: those of signing.

    :param asks_each_time: the token wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which not all can
    :raises BackendRefused: there is a key of that label, or the token cannot make such a key
    """
    with token_session(config, pin, is_writing=True) as session:
        if list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label})):
            raise BackendRefused("there is a key of that label", "label_taken")
        private = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
        if asks_each_time:
            private[Attribute.ALWAYS_AUTHENTICATE] = True
        shared: dict[str, Any] = {"id": label.encode(), "label": label, "store": True, "private_template": private,
                                  "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY}
        if kind in _CURVES:
            parameters = session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[kind])}, local=True)
            parameters.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, **shared)
        else:
            session.generate_keypair(KeyType.RSA, int(kind.removeprefix("rsa")), **shared)


def build_csr(config: Pkcs11Config, pin: str, label: str, common_name: str, organisation: str) -> bytes:
    """A certification request (PKCS#10, RFC 2986), DER, signed in the token. Errors: those of signing."""
    with token_session(config, pin) as session:
        public = _public_key(session, label)
        spki = keys.PublicKeyInfo.load(public)
        info = csr.CertificationRequestInfo({
            "version": "v1", "subject": asn1_x509.Name.build({
                "country_name": "ID", "organization_name": organisation[:64], "common_name": common_name[:64]}),
            "subject_pk_info": spki, "attributes": []})
        digest = "sha384" if spki.algorithm == "ec" and spki.bit_size > 256 else "sha256"
        signature = sign_with(private_key(session, label), info.dump(), digest, pin)
        scheme = f"{digest}_rsa" if spki.algorithm == "rsa" else f"{digest}_ecdsa"
        request = csr.CertificationRequest({
            "certification_request_info": info, "signature": signature,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": scheme})})
        return bytes(request.dump())


def import_certificate(config: Pkcs11Config, pin: str, label: str, certificate: x509.Certificate,
                       chain: Sequence[x509.Certificate] = ()) -> None:
    """Put the issued certificate, and those above it, beside its key; an older one gives way. Errors: those of
    signing.

    :raises KeyMismatch: it speaks of another key
    """
    with token_session(config, pin, is_writing=True) as session:
        own = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if _public_key(session, label) != own:
            raise errors.KeyMismatch("the certificate speaks of another key")
        old = [one for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
               if bytes(one[Attribute.ID]) == label.encode()]
        _store(session, certificate, label, label.encode())
        for one in old:
            one.destroy()
        present = {_encoded(one) for one in _certificates(session)}
        for above in chain:
            if _encoded(above) not in present:
                _store(session, above, above.subject.rfc4514_string()[:64], b"")


def list_keys(config: Pkcs11Config, pin: str) -> tuple[Pkcs11Key, ...]:
    """The private keys of the token with their certificates, by label. Errors: those of signing."""
    with token_session(config, pin) as session:
        stored = list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))
        own = {bytes(one[Attribute.ID]): x509.load_der_x509_certificate(bytes(one[Attribute.VALUE])) for one in stored}
        everything = _certificates(session)
        found = []
        for key in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})):
            certificate = own.get(bytes(key[Attribute.ID]) or b"?")
            chain = _above(certificate, everything) if certificate else ()
            found.append(Pkcs11Key(str(key.label), str(key.key_type.name), certificate, chain))
        return tuple(sorted(found, key=lambda key: key.label))


def private_key(session: Any, label: str) -> Any:
    """:raises PKCS11Error: there is no such key, or there are several"""
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)


def sign_with(key: Any, data: bytes, digest_algorithm: str, pin: str) -> bytes:
    """RSASSA-PKCS1-v1_5 or ECDSA (as DER, RFC 3279 2.2.3) over ``data``. :raises PKCS11Error: the token does not"""
    again = pin if _asks_each_time(key) else None
    digest = hashlib.new(digest_algorithm, data).digest()
    if key.key_type == KeyType.EC:
        return bytes(encode_ecdsa_signature(key.sign(digest, mechanism=Mechanism.ECDSA, pin=again)))
    whole = _RSA_MECHANISMS[digest_algorithm]
    if whole in key.session.token.slot.get_mechanisms():
        return bytes(key.sign(data, mechanism=whole, pin=again))
    info = algos.DigestInfo({"digest_algorithm": {"algorithm": digest_algorithm}, "digest": digest})
    return bytes(key.sign(info.dump(), mechanism=Mechanism.RSA_PKCS, pin=again))


def _asks_each_time(key: Any) -> bool:
    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except module_errors.AttributeTypeInvalid:  # an older token knows no such thing
        return False


def _public_key(session: Any, label: str) -> bytes:
    """SubjectPublicKeyInfo, DER. :raises PKCS11Error: as :func:`private_key`"""
    public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
    if public.key_type != KeyType.RSA:
        return bytes(encode_ec_public_key(public))
    numbers = keys.RSAPublicKey.load(encode_rsa_public_key(public))
    return bytes(keys.PublicKeyInfo.wrap(numbers, "rsa").dump())


def _store(session: Any, certificate: x509.Certificate, label: str, key_id: bytes) -> None:
    parsed = to_asn1(certificate)
    session.create_object({
        Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        Attribute.TOKEN: True, Attribute.LABEL: label, Attribute.ID: key_id, Attribute.VALUE: _encoded(certificate),
        Attribute.SUBJECT: parsed.subject.dump(), Attribute.ISSUER: parsed.issuer.dump(),
        Attribute.SERIAL_NUMBER: parsed["tbs_certificate"]["serial_number"].dump()})


def _certificates(session: Any) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_der_x509_certificate(bytes(one[Attribute.VALUE]))
                 for one in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})))


def _above(certificate: x509.Certificate, known: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    by_name = {one.subject: one for one in known}
    chain: list[x509.Certificate] = []
    while certificate.issuer in by_name and certificate.issuer != certificate.subject:
        certificate = by_name[certificate.issuer]
        if certificate in chain:
            break
        chain.append(certificate)
    return tuple(chain)


def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
