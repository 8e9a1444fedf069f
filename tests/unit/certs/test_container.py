"""A container with something in it that its standard has no place for is not believed, though its value verifies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certs._der import encode, read_element
from certs.ca import generate_signer_key
from certs.container import tell_form_fault
from certs.pades import SignedDocument
from certs.validation import Indication, validate_pdf
from tests.attacks.craft import gap
from tests.unit.certs.conftest import World

Node = list  # [tag, content], content bytes or a list of nodes
_EXTRA = [0x04, b"abc"]
_CERTIFICATE_REFERENCE = bytes.fromhex("060b2a864886f70d010910022f")


class Container:
    """The container of a signed file as a tree that can be bent."""

    def __init__(self, pdf: bytes) -> None:
        self.pdf, (self.start, self.end) = pdf, gap(pdf)
        contents = bytes.fromhex(pdf[self.start + 1 : self.end - 1].decode())
        self.der = contents[: 4 + int.from_bytes(contents[2:4], "big")]
        self.root = tree(self.der)
        self.wrapper = self.root[1][1]
        self.data = self.wrapper[1][0]
        self.algorithms, self.content, self.signers = self.data[1][1], self.data[1][2], self.data[1][-1]
        self.signer = self.signers[1][0]
        self.signed, self.unsigned = self.signer[1][3], self.signer[1][6]

    def file(self, der: bytes = b"") -> bytes:
        text = (der or written(self.root)).hex().encode()
        return self.pdf[: self.start + 1] + text.ljust(self.end - self.start - 2, b"0") + self.pdf[self.end - 1 :]


def tree(der: bytes) -> Node:
    one = read_element(der)
    return [one.tag, [tree(child.whole) for child in one.children()] if one.tag & 0x20 else one.content]


def written(node: Node) -> bytes:
    tag, content = node
    return encode(tag, content if isinstance(content, bytes) else b"".join(map(written, content)))


def unknown_attribute(*values: Node) -> Node:
    return [0x30, [[0x06, b"\x2a\x03\x04"], [0x31, list(values)]]]


BENT: dict[str, Callable[[Container], object]] = {
    "behind the content": lambda one: one.root[1].append(_EXTRA),
    "beside SignedData": lambda one: one.wrapper[1].append(_EXTRA),
    "in SignedData": lambda one: one.data[1].append(_EXTRA),
    "in SignerInfo": lambda one: one.signer[1].append(_EXTRA),
    "in an attribute": lambda one: one.unsigned[1][0][1].append(_EXTRA),
    "an attribute without value": lambda one: one.unsigned[1].append(unknown_attribute()),
    "no digest algorithm announced": lambda one: one.algorithms[1].clear(),
    "a digest algorithm announced that nobody used": lambda one: one.algorithms[1].insert(
        0, [0x30, [[0x06, b"\x2b\x0e\x03\x02\x1a"], [0x05, b""]]]),
    "very many attributes": lambda one: one.unsigned[1].extend([unknown_attribute([0x05, b""])] * 250),
}


@pytest.mark.parametrize("name", BENT)
def test_what_has_no_place_in_a_container_is_not_believed(world: World, signed: SignedDocument, name: str) -> None:
    container = Container(signed.pdf)
    BENT[name](container)
    report = validate_pdf(container.file(), world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "FORMAT_FAILURE")


def test_attributes_that_nobody_knows_and_lengths_that_are_not_der_are_borne(
    world: World, signed: SignedDocument
) -> None:
    container = Container(signed.pdf)
    container.unsigned[1].append(unknown_attribute([0x04, b"of no concern"]))
    inner = read_element(written(container.root)).content
    for der in (written(container.root), b"\x30\x80" + inner + b"\0\0"):
        assert validate_pdf(container.file(der), world.trust(), world.later).passed


def test_a_pades_signature_that_does_not_name_its_certificate_is_no_pades(
    world: World, signed: SignedDocument
) -> None:
    container = Container(signed.pdf)
    attributes = container.signed[1]
    attributes[:] = [one for one in attributes if written(one[1][0]) != _CERTIFICATE_REFERENCE]
    assert len(attributes) >= 2
    container.signer[1].remove(container.unsigned)
    value = world.key.sign(b"\x31" + written(container.signed)[1:], padding.PKCS1v15(), hashes.SHA256())
    container.signer[1][5][1] = value
    report = validate_pdf(container.file(), world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "SIG_CONSTRAINTS_FAILURE")
    assert report.signatures[0].level == ""


def test_a_time_stamp_over_something_else_does_not_fail_the_signature(world: World, signed: SignedDocument) -> None:
    other = Container(world.sign(world.request(certify=False)).pdf)
    container = Container(signed.pdf)
    container.signer[1][6] = other.unsigned
    report = validate_pdf(container.file(), world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "SIG_CONSTRAINTS_FAILURE")
    assert report.signatures[0].proven_at is None


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("is_der", [True, False])
def test_a_second_certificate_of_the_signers_number_is_not_believed(
    world: World, signed: SignedDocument, is_first: bool, is_der: bool
) -> None:
    """Nobody signs the certificates that come along, and some readers would name whoever stands first."""
    own = world.certificate
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Gubernur Palsu")])
    other = x509.CertificateBuilder(
        issuer_name=own.issuer, subject_name=named, public_key=own.public_key(), serial_number=own.serial_number,
        not_valid_before=own.not_valid_before_utc, not_valid_after=own.not_valid_after_utc,
    ).sign(generate_signer_key(), hashes.SHA256()).public_bytes(Encoding.DER)
    container = Container(signed.pdf)
    container.signer[1].remove(container.unsigned)
    namesake = tree(other)
    if not is_der:  # the number's length in two bytes where one would do, which not every reader minds
        parts, number = [written(one) for one in namesake[1][0][1]], namesake[1][0][1][1][1]
        parts[1] = b"\x02\x81" + bytes([len(number)]) + number
        namesake[1][0][1] = b"".join(parts)
    container.data[1][3][1].insert(0 if is_first else 99, namesake)
    report = validate_pdf(container.file(), world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "FORMAT_FAILURE")
    container.data[1][3][1].remove(namesake)
    assert validate_pdf(container.file(), world.trust(), world.later).passed


@pytest.mark.parametrize("junk", [b"", b"\0", b"\x30", b"\x30\x03abc", b"\x30\x80", b"\x1f" * 40, bytes(4096)])
def test_what_is_no_container_is_said_to_be_none(junk: bytes) -> None:
    assert tell_form_fault(junk)
