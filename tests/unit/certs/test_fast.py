"""The fast path makes, byte for byte, what pyHanko makes; what it does not know it refuses."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import replace
from datetime import timedelta

import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from certs.augment import augment
from certs.errors import LevelUnsupported, TimestampUnavailable
from certs.fast import BatchSigner, NotOurShape, gather_store
from certs.pades import FurtherField, Level, SignatureBox, sign_pdf
from certs.validation import validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.fast_worlds import (
    KEYS,
    SOLE,
    Identity,
    Replay,
    identify,
    remake,
    render,
    request_for,
)


@pytest.fixture(scope="session")
def identity(world: World) -> Identity:
    return Identity(world.certificate, world.key, world.pki.chain)


@pytest.mark.parametrize("kind", SOLE)
def test_every_kind_gets_the_bytes_that_pyhanko_gives_it(world: World, identity: Identity, kind: str) -> None:
    original = render(kind, long=kind == "keputusan")
    request = request_for(original, world.now)
    made = sign_pdf(original.pdf, request, world.signer, None)
    signer = identity.batch(Level.B_B)
    assert remake(signer, original.pdf, request, made.pdf) == made.pdf
    # RSA PKCS #1 v1.5 is not randomised, so nothing but the identifier needs to be handed over.
    identifier = made.pdf[made.pdf.rindex(b"> ]\n/Prev") - 32 : made.pdf.rindex(b"> ]\n/Prev")]
    prepared = signer.prepare(original.pdf, request, bytes.fromhex(identifier.decode()))
    assert signer.finish(prepared, identity.local.sign_attributes(prepared.to_sign)) == replace(
        made, level=Level.B_B)


@pytest.mark.parametrize("links", [0, 1, 2])
@pytest.mark.parametrize("kind", KEYS)
def test_every_key_and_length_of_chain(world: World, kind: str, links: int) -> None:
    identity = identify(world.pki, kind, world.now, links)
    original = render("kgb")
    request = request_for(original, world.now)
    made = sign_pdf(original.pdf, request, identity.local, None)
    assert remake(identity.batch(Level.B_B), original.pdf, request, made.pdf) == made.pdf
    own = identity.batch(Level.B_B).sign(original.pdf, request, identity.local.sign_attributes)
    assert validate_pdf(own.pdf, world.trust(), world.later).passed


@pytest.mark.parametrize("changes", [
    {"signer_name": "Sári Ç. Контох 日本 (a\\b)", "reason": "", "location": "Kota (\r\n) Ω", "contact": "a@b.example"},
    {"signer_name": "X" * 400, "field_name": "Tanda Tangan 1", "reason": "\U0001f600"},
    {"box": SignatureBox(2, 10, 20.125, 310.999, 99.5)},
    {"box": SignatureBox(4, 0, 0, 1, 1)},
])
def test_texts_and_boxes_of_all_sorts(world: World, identity: Identity, changes: dict[str, object]) -> None:
    original = render("keputusan", long=True)
    assert original.pages > 4
    request = request_for(original, world.now, **changes)
    made = sign_pdf(original.pdf, request, world.signer, None)
    assert remake(identity.batch(Level.B_B), original.pdf, request, made.pdf) == made.pdf


def test_another_zone_is_written_as_pyhanko_writes_it(world: World, identity: Identity) -> None:
    from zoneinfo import ZoneInfo

    original = render("kgb")
    request = request_for(original, world.now.astimezone(ZoneInfo("Asia/Makassar")))
    made = sign_pdf(original.pdf, request, world.signer, None)
    assert remake(identity.batch(Level.B_B), original.pdf, request, made.pdf) == made.pdf


@pytest.mark.parametrize("kind", ["rsa-2048", "p-384"])
def test_time_stamps_and_validation_data_lie_where_pyhanko_puts_them(world: World, kind: str) -> None:
    identity = identify(world.pki, kind, world.now)
    original = render("kgb")
    request = request_for(original, world.now, level=Level.B_T)
    stamped = sign_pdf(original.pdf, request, identity.local, world.tsa)
    signer = identity.batch(Level.B_T, world.tsa)
    assert remake(signer, original.pdf, request, stamped.pdf) == stamped.pdf
    raised = augment(stamped.pdf, Level.B_LT, world.tsa, world.trust(), world.later)
    store = gather_store(stamped.pdf, world.tsa, world.trust(), world.later)
    longer = identity.batch(Level.B_LT, world.tsa, store=store)
    assert remake(longer, original.pdf, request, raised.pdf) == raised.pdf


def test_whoever_has_the_key_needs_to_see_a_digest_only(world: World, identity: Identity) -> None:
    original = render("kgb")
    signer = identity.batch(Level.B_T, world.tsa)
    prepared = signer.prepare(original.pdf, request_for(original, world.now))
    signature = world.key.sign(prepared.digest, padding.PKCS1v15(), Prehashed(SHA256()))
    signed = signer.finish(prepared, signature)
    assert signed.level is Level.B_T
    assert signed.sha256 == hashlib.sha256(signed.pdf).hexdigest()
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert report.passed
    assert report.findings == ()


def test_a_token_for_something_else_is_not_taken(world: World, identity: Identity) -> None:
    original = render("kgb")
    request = request_for(original, world.now)
    signed = identity.batch(Level.B_T, world.tsa).sign(original.pdf, request, world.signer.sign_attributes)
    space = bytes.fromhex(signed.pdf.split(b"/Contents <")[1].split(b">")[0].decode())
    token = identity.batch(Level.B_B).template.take_apart(space).token
    with pytest.raises(TimestampUnavailable):
        identity.batch(Level.B_T, Replay(token)).sign(original.pdf, request, world.signer.sign_attributes)
    with pytest.raises(TimestampUnavailable):
        identity.batch(Level.B_T, Replay(b"")).sign(original.pdf, request, world.signer.sign_attributes)


def test_levels_need_what_they_need(world: World, identity: Identity) -> None:
    with pytest.raises(TimestampUnavailable):
        identity.batch(Level.B_T)
    with pytest.raises(ValueError, match="store"):
        identity.batch(Level.B_LT, world.tsa)
    with pytest.raises(LevelUnsupported):
        identity.batch(Level.B_LTA, world.tsa)


@pytest.mark.parametrize("changes", [
    {"certify": False}, {"box": None}, {"locks": True}, {"further": (FurtherField("Signature2", None),)},
    {"box": SignatureBox(1, 0, 0, 10, 10)},
])
def test_requests_of_other_sorts_are_refused(world: World, identity: Identity, changes: dict[str, object]) -> None:
    original = render("kgb")
    with pytest.raises(NotOurShape):
        identity.batch(Level.B_B).prepare(original.pdf, request_for(original, world.now, **changes))


def reshaped(pdf: bytes, **options: object) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_documents_of_other_shapes_are_refused(world: World, identity: Identity) -> None:
    original = render("kgb")
    request = request_for(original, world.now)
    signer = identity.batch(Level.B_B)
    pdf = original.pdf
    signed = signer.sign(pdf, request, world.signer.sign_attributes).pdf
    gap = pdf.replace(b"\nendobj\n3 0 obj", b"\nendobj\n%\n3 0 obj", 1)
    others = [b"", b"%PDF-1.7", pdf[:-1], pdf + b"\n", pdf[1:], signed, reshaped(pdf), gap,
              reshaped(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate),
              pdf.replace(b"/Lang(id-ID)", b"/AF    [1 0]"), pdf.replace(b"%PDF-1.7", b"%PDF-1.4")]
    for other in others:
        with pytest.raises(NotOurShape):
            signer.prepare(other, request)


def test_it_is_fast(world: World, identity: Identity) -> None:
    """A bound loose enough for a busy machine; benchmarks/mass_issue.py measures."""
    original = render("kgb")
    signer = identity.batch(Level.B_B)
    started = time.process_time()
    for second in range(40):
        signer.sign(original.pdf, request_for(original, world.now + timedelta(seconds=second)),
                    world.signer.sign_attributes)
    assert time.process_time() - started < 40 * 0.008


def test_the_signer_takes_the_certificate_alone(world: World) -> None:
    assert BatchSigner(world.certificate, (), Level.B_B).digest_algorithm == "sha256"
