"""A CSC service at the other end of a real connection, and somebody who signs by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs.pades import SignedDocument, lift
from certs.signers.csc import CscActivation, CscConfig, CscSigner
from certs.validation import validate_pdf
from tests.support.clock import FrozenClock
from tests.support.csc import PIN, CscKeys, CscWorld, csc_world, make_keys, page

SIGN, AUTHORIZE = "signatures/signHash", "credentials/authorize"
TYPED = CscActivation(pin=PIN)


@pytest.fixture(scope="module")
def keys() -> CscKeys:
    return make_keys(FrozenClock())


@pytest.fixture
def world(keys: CscKeys) -> Iterator[CscWorld]:
    with csc_world(keys, FrozenClock()) as made:
        yield made


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return page()


def signer(world: CscWorld, name: str = "pin", typed: CscActivation = TYPED, documents: int = 1,
           config: CscConfig | None = None) -> CscSigner:
    client = world.client(config)
    return CscSigner(client, client.credential(name), typed, documents)


def sign(world: CscWorld, pdf: bytes, made: CscSigner) -> SignedDocument:
    return lift(made, world.tsa).sign(pdf, world.request())


def ensure_passes(world: CscWorld, signed: SignedDocument) -> None:
    report = validate_pdf(signed.pdf, world.trust(), world.clock.now())
    assert report.passed, report
    assert report.signatures[0].level == "B-T"
