"""What the cheap check lets pass, full validation lets pass; and it lets no changed byte pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.ca import Revocation
from certs.fast import CheckFailed, Model, ModelOutdated, ModelUnfit, check, gather_store, make_model
from certs.fast.signer import BatchSigner
from certs.pades import Level, SignatureBox, SignedDocument, SignRequest, sign_pdf
from certs.validation import validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.fast_worlds import Identity, identify, rehash, render, request_for

LEVELS = (Level.B_B, Level.B_T, Level.B_LT)


@dataclass(frozen=True)
class Batch:
    """One file of a batch with the model of another."""

    world: World
    signer: BatchSigner
    model: Model
    frozen: bytes
    request: SignRequest
    signed: SignedDocument

    def check(self, signed: SignedDocument) -> object:
        return check(self.frozen, signed, self.request, self.model, self.world.later)


def make_batch(world: World, identity: Identity, level: Level) -> Batch:
    first, second = render("kgb"), render("kgb", name="Budi Contoh")
    store = None
    if level is Level.B_LT:
        probe = sign_pdf(first.pdf, request_for(first, world.now, level=Level.B_T), identity.local, world.tsa)
        store = gather_store(probe.pdf, world.tsa, world.trust(), world.later)
    signer = identity.batch(level, world.tsa, store=store)
    request = request_for(first, world.now)
    signed = signer.sign(first.pdf, request, identity.local.sign_attributes)
    model = make_model(first.pdf, signed, request, signer, world.trust(), world.later)
    own = request_for(second, world.now + timedelta(minutes=3), signer_name="Budi Contoh")
    return Batch(world, signer, model, second.pdf, own,
                 signer.sign(second.pdf, own, identity.local.sign_attributes))


@pytest.fixture(scope="session")
def batches(world: World) -> dict[Level, Batch]:
    identity = Identity(world.certificate, world.key, world.pki.chain)
    return {level: make_batch(world, identity, level) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_it_says_what_full_validation_says(batches: dict[Level, Batch], level: Level) -> None:
    batch = batches[level]
    full = validate_pdf(batch.signed.pdf, batch.world.trust(), batch.world.later)
    assert full.passed
    assert batch.check(batch.signed) == full.signatures[0]


@pytest.mark.parametrize("kind", ["rsa-3072", "p-256", "p-384"])
def test_so_for_other_keys(world: World, kind: str) -> None:
    batch = make_batch(world, identify(world.pki, kind, world.now), Level.B_T)
    full = validate_pdf(batch.signed.pdf, world.trust(), world.later)
    assert batch.check(batch.signed) == full.signatures[0]


def test_at_the_moment_of_the_stamp_nothing_is_proven_yet(batches: dict[Level, Batch]) -> None:
    batch = batches[Level.B_T]
    frozen, request = batch.frozen, replace(batch.request, signed_at=batch.world.later)
    signed = batch.signer.sign(frozen, request, batch.world.signer.sign_attributes)
    full = validate_pdf(signed.pdf, batch.world.trust(), batch.world.later)
    assert check(frozen, signed, request, batch.model, batch.world.later) == full.signatures[0]
    assert full.signatures[0].proven_at is None


def test_no_changed_byte_of_the_signed_update_passes(batches: dict[Level, Batch]) -> None:
    """Every byte behind the original, one after the other; the hash beside the file is changed along with it."""
    batch = batches[Level.B_B]
    refuse_each(batch, range(len(batch.frozen), len(batch.signed.pdf)))


def test_no_changed_byte_of_a_token_passes(batches: dict[Level, Batch]) -> None:
    batch = batches[Level.B_T]
    start = batch.signed.pdf.index(b"/Contents <") + len(b"/Contents <")
    digits = batch.signed.pdf[start : batch.signed.pdf.index(b">", start)].rstrip(b"0")
    refuse_each(batch, range(start + len(digits) - 6400, start + len(digits)))


def refuse_each(batch: Batch, places: range) -> None:
    pdf = bytearray(batch.signed.pdf)
    for at in places:
        old = pdf[at]
        pdf[at] = old ^ 1
        with pytest.raises(CheckFailed):
            batch.check(rehash(batch.signed, bytes(pdf)))
        pdf[at] = old


def test_of_the_store_only_the_identifier_may_differ_and_then_the_hash_tells(batches: dict[Level, Batch]) -> None:
    batch = batches[Level.B_LT]
    pdf = bytearray(batch.signed.pdf)
    end = pdf.rindex(b"%%EOF\n", 0, len(pdf) - 10) + 6
    identifier = range(pdf.rindex(b"> ]\n/Prev") - 32, pdf.rindex(b"> ]\n/Prev"))
    for at in range(end, len(pdf)):
        old = pdf[at]
        pdf[at] = ord("0") if at in identifier and old != ord("0") else old ^ 1
        changed = bytes(pdf)
        with pytest.raises(CheckFailed):
            batch.check(replace(batch.signed, pdf=changed))
        if at in identifier:
            assert batch.check(rehash(batch.signed, changed))
            full = validate_pdf(changed, batch.world.trust(), batch.world.later)
            assert full.passed
        else:
            with pytest.raises(CheckFailed):
                batch.check(rehash(batch.signed, changed))
        pdf[at] = old


CHANGES: dict[str, Callable[[bytes, int, bytes], bytes]] = {
    "replace": lambda pdf, at, new: pdf[:at] + new + pdf[at + len(new) :],
    "insert": lambda pdf, at, new: pdf[:at] + new + pdf[at:],
    "delete": lambda pdf, at, new: pdf[:at] + pdf[at + len(new) :],
    "truncate": lambda pdf, at, _new: pdf[:at],
    "append": lambda pdf, _at, new: pdf + new,
    "repeat": lambda pdf, at, _new: pdf + pdf[at:],
}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), level=st.sampled_from(LEVELS), change=st.sampled_from(sorted(CHANGES)),
       new=st.binary(min_size=1, max_size=40))
def test_no_other_change_passes(
    batches: dict[Level, Batch], data: st.DataObject, level: Level, change: str, new: bytes
) -> None:
    batch = batches[level]
    pdf = batch.signed.pdf
    at = data.draw(st.integers(0, len(pdf) - 1))
    changed = CHANGES[change](pdf, at, new)
    if changed == pdf:
        return
    with pytest.raises(CheckFailed):
        batch.check(replace(batch.signed, pdf=changed))
    try:
        batch.check(rehash(batch.signed, changed))
    except CheckFailed:
        return
    assert validate_pdf(changed, batch.world.trust(), batch.world.later).passed


def test_parts_of_other_files_do_not_pass(batches: dict[Level, Batch], world: World) -> None:
    batch = batches[Level.B_T]
    other = batch.signer.sign(batch.frozen, replace(batch.request, reason="Lain"), world.signer.sign_attributes)
    with pytest.raises(CheckFailed):  # signed for another request
        batch.check(other)
    again = batch.signer.sign(batch.frozen, batch.request, world.signer.sign_attributes)
    batch.check(again)
    theirs, ours = (one.pdf.split(b"/Contents <") for one in (again, batch.signed))
    mixed = ours[0] + b"/Contents <" + theirs[1][: theirs[1].index(b">")] + ours[1][ours[1].index(b">") :]
    with pytest.raises(CheckFailed):
        batch.check(rehash(batch.signed, mixed))
    elsewhere = replace(batch.request, box=SignatureBox(0, 1, 1, 2, 2))
    with pytest.raises(CheckFailed):
        batch.check(batch.signer.sign(batch.frozen, elsewhere, world.signer.sign_attributes))
    with pytest.raises(CheckFailed):  # of another original
        check(render("kgb").pdf, batch.signed, batch.request, batch.model, world.later)


def test_a_store_left_out_does_not_pass(batches: dict[Level, Batch]) -> None:
    batch = batches[Level.B_LT]
    pdf = batch.signed.pdf
    shorter = pdf[: pdf.rindex(b"%%EOF\n", 0, len(pdf) - 10) + 6]
    assert validate_pdf(shorter, batch.world.trust(), batch.world.later).signatures[0].level == "B-T"
    for level in (Level.B_LT, Level.B_T):
        with pytest.raises(CheckFailed):
            batch.check(replace(rehash(batch.signed, shorter), level=level))


def test_a_signature_by_another_key_does_not_pass(
    batches: dict[Level, Batch], world: World, other_key: object
) -> None:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    batch = batches[Level.B_B]
    assert isinstance(other_key, rsa.RSAPrivateKey)
    forged = batch.signer.sign(
        batch.frozen, batch.request, lambda data: other_key.sign(data, padding.PKCS1v15(), SHA256()))
    with pytest.raises(CheckFailed, match="verify"):
        batch.check(forged)
    with pytest.raises(ModelUnfit):
        make_model(batch.frozen, forged, batch.request, batch.signer, world.trust(), world.later)


def test_a_stamp_of_the_future_or_the_past_does_not_pass(batches: dict[Level, Batch], world: World) -> None:
    batch = batches[Level.B_T]
    for moment in (world.later + timedelta(seconds=1), world.now - timedelta(hours=3)):
        request = replace(batch.request, signed_at=moment)
        signed = batch.signer.sign(batch.frozen, request, world.signer.sign_attributes)
        with pytest.raises(CheckFailed, match="time"):
            check(batch.frozen, signed, request, batch.model, world.later)
        full = validate_pdf(signed.pdf, world.trust(), world.later)
        assert not full.passed


def test_a_model_lasts_as_long_as_its_revocation_data(batches: dict[Level, Batch], world: World) -> None:
    for batch in batches.values():
        assert batch.model.valid_until <= world.later + timedelta(days=1)
        for moment in (world.later - timedelta(seconds=1), batch.model.valid_until):
            with pytest.raises(ModelOutdated):
                check(batch.frozen, batch.signed, batch.request, batch.model, moment)


def test_only_what_passes_in_full_is_a_model(batches: dict[Level, Batch], world: World) -> None:
    batch = batches[Level.B_B]
    revoked = world.trust(Revocation(world.certificate.serial_number, world.now))
    for trust in (revoked, world.pki.trust_store([])):
        with pytest.raises(ModelUnfit):
            make_model(batch.frozen, batch.signed, batch.request, batch.signer, trust, world.later)
    with pytest.raises(ModelUnfit):
        make_model(batch.frozen, batches[Level.B_T].signed, batch.request, batch.signer, world.trust(), world.later)
