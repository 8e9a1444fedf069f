"""What a passkey's touch counts for: this person, this document, one time, soon. The device is of software here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url, encode_cbor

from svc.models import Passkey
from svc.services import passkeys
from tests.support.clock import FrozenClock
from tests.support.world import World

OWNER, OTHER = "kepala", "kadis"
SHOWN, ANOTHER = "a" * 64, "b" * 64
_PRESENT, _VERIFIED = 1, 4


@dataclass
class Device:
    """A passkey of one person, as a browser would use it."""

    world: World
    username: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    flags: int = _PRESENT | _VERIFIED
    origin: str = ""
    count: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        with self.world.deps.db.unit_of_work() as session:
            session.add(Passkey(
                person_id=self.world.actor(self.username).person_id, name="Perangkat uji",
                credential_id=bytes_to_base64url(self.identifier), public_key=encode_cbor(cose),
                created_at=self.world.deps.clock.now()))

    @property
    def identifier(self) -> bytes:
        return (self.name or self.username).encode()

    def touch(self, options: str) -> str:
        """The answer to what :func:`svc.services.passkeys.begin_signing` asked for."""
        self.count += 1
        base = urlsplit(self.world.deps.settings.base_url)
        client = json.dumps({"type": "webauthn.get", "challenge": json.loads(options)["challenge"],
                             "origin": self.origin or f"{base.scheme}://{base.netloc}"}).encode()
        host = hashlib.sha256((base.hostname or "").encode()).digest()
        data = host + bytes((self.flags,)) + self.count.to_bytes(4, "big")
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        name = bytes_to_base64url(self.identifier)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": {
            "clientDataJSON": bytes_to_base64url(client), "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(signature)}})


def begin(world: World, sha256: str = SHOWN, username: str = OWNER) -> passkeys.Ceremony:
    return passkeys.begin_signing(world.deps, world.actor(username), sha256)


def is_accepted(world: World, asked: passkeys.Ceremony, answer: str, sha256: str = SHOWN,
                username: str = OWNER) -> bool:
    with world.deps.db.unit_of_work() as session:
        return passkeys.accept(session, world.deps, world.actor(username), asked.challenge, answer, sha256)


def test_a_touch_counts_once(world: World, clock: FrozenClock) -> None:
    device, asked = Device(world, OWNER), begin(world)
    answer = device.touch(asked.options)
    clock.advance(seconds=5)
    assert is_accepted(world, asked, answer)
    assert not is_accepted(world, asked, answer)
    clock.advance(seconds=5)
    assert not is_accepted(world, asked, device.touch(asked.options))  # touched again for the same question
    anew = begin(world)
    clock.advance(seconds=5)
    assert is_accepted(world, anew, device.touch(anew.options))


def test_a_question_is_answered_once_whichever_passkey_answers(world: World, clock: FrozenClock) -> None:
    first, second, asked = Device(world, OWNER), Device(world, OWNER, name="kunci cadangan"), begin(world)
    clock.advance(seconds=5)
    assert is_accepted(world, asked, first.touch(asked.options))
    assert not is_accepted(world, asked, second.touch(asked.options))
    clock.advance(seconds=5)
    anew = begin(world)
    assert is_accepted(world, anew, second.touch(anew.options))


def test_a_touch_for_one_document_is_none_for_another(world: World) -> None:
    device, asked = Device(world, OWNER), begin(world)
    answer = device.touch(asked.options)
    assert not is_accepted(world, asked, answer, ANOTHER)
    assert is_accepted(world, asked, answer)


def test_another_persons_question_and_device_count_for_nothing(world: World) -> None:
    own, other = Device(world, OWNER), Device(world, OTHER)
    asked, theirs = begin(world), begin(world, username=OTHER)
    assert not is_accepted(world, asked, other.touch(asked.options))
    assert not is_accepted(world, theirs, own.touch(theirs.options))
    assert not is_accepted(world, theirs, other.touch(theirs.options))


@pytest.mark.parametrize(("later", "counts"), [
    (timedelta(minutes=4, seconds=59), True), (timedelta(minutes=5), False), (timedelta(seconds=-1), False)])
def test_a_question_is_good_for_five_minutes(
    world: World, clock: FrozenClock, later: timedelta, *, counts: bool
) -> None:
    device, asked = Device(world, OWNER), begin(world)
    answer = device.touch(asked.options)
    clock.at += later
    assert is_accepted(world, asked, answer) is counts


def test_without_pin_or_finger_or_from_another_site_it_is_none(world: World) -> None:
    device, asked = Device(world, OWNER), begin(world)
    device.flags = _PRESENT
    assert not is_accepted(world, asked, device.touch(asked.options))
    device.flags, device.origin = _PRESENT | _VERIFIED, "https://tiruan.example"
    assert not is_accepted(world, asked, device.touch(asked.options))
    device.origin = ""
    assert is_accepted(world, asked, device.touch(asked.options))
