"""Keys and secrets at rest."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12

from certs import errors, vault
from tests.unit.certs.conftest import World

SERVER_KEY = b"\x01" * 32
OTHER_SERVER_KEY = b"\x02" * 32
PASSPHRASE = "kata sandi naskah"


@pytest.fixture(scope="module")
def envelope(world: World) -> bytes:
    return vault.seal_key(world.key, PASSPHRASE, SERVER_KEY, "owner-1", "credential-1")


def open_it(envelope: bytes, passphrase: str = PASSPHRASE, server_key: bytes = SERVER_KEY) -> vault.PrivateKey:
    return vault.open_key(envelope, passphrase, server_key, "owner-1", "credential-1")


def test_a_sealed_key_comes_back(world: World, envelope: bytes) -> None:
    assert open_it(envelope).private_numbers() == world.key.private_numbers()


def test_a_sealed_curve_key_comes_back() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = vault.seal_key(key, PASSPHRASE, SERVER_KEY, "o", "c")
    assert vault.open_key(sealed, PASSPHRASE, SERVER_KEY, "o", "c").private_numbers() == key.private_numbers()


def test_the_same_key_is_never_sealed_to_the_same_bytes(world: World, envelope: bytes) -> None:
    assert vault.seal_key(world.key, PASSPHRASE, SERVER_KEY, "owner-1", "credential-1") != envelope


def test_a_wrong_passphrase_is_told_from_a_wrong_server_key(envelope: bytes) -> None:
    with pytest.raises(errors.WrongPassphrase):
        open_it(envelope, passphrase="kata sandi lain")
    with pytest.raises(errors.WrongServerKey):
        open_it(envelope, server_key=OTHER_SERVER_KEY)


def test_the_same_passphrase_opens_in_either_unicode_form(world: World) -> None:
    composed, decomposed = "sandi kafé resmi", "sandi kafe\u0301 resmi"
    sealed = vault.seal_key(world.key, composed, SERVER_KEY, "owner-1", "credential-1")
    assert open_it(sealed, passphrase=decomposed).key_size == 2048


@pytest.mark.parametrize(("owner", "credential"), [("owner-2", "credential-1"), ("owner-1", "credential-2")])
def test_an_envelope_moved_to_another_row_does_not_open(envelope: bytes, owner: str, credential: str) -> None:
    with pytest.raises(errors.EnvelopeMismatch):
        vault.open_key(envelope, PASSPHRASE, SERVER_KEY, owner, credential)


def test_owner_and_credential_cannot_trade_letters(world: World) -> None:
    sealed = vault.seal_key(world.key, PASSPHRASE, SERVER_KEY, "ab", "c")
    with pytest.raises(errors.EnvelopeMismatch):
        vault.open_key(sealed, PASSPHRASE, SERVER_KEY, "a", "bc")


@pytest.mark.parametrize("position", [15, 30, 200, -1])
def test_an_altered_envelope_does_not_open(envelope: bytes, position: int) -> None:
    altered = bytearray(envelope)
    altered[position] ^= 1
    with pytest.raises((errors.EnvelopeMismatch, errors.WrongServerKey)):
        open_it(bytes(altered))


@pytest.mark.parametrize("junk", [b"", b"junk", b"PRFV", b"PRFV\x02\x01" + bytes(80), bytes(200)])
def test_junk_is_no_envelope(junk: bytes) -> None:
    with pytest.raises(errors.EnvelopeBroken):
        open_it(junk)


def test_a_secret_is_no_key_envelope() -> None:
    with pytest.raises(errors.EnvelopeBroken):
        open_it(vault.seal_secret(bytes(100), SERVER_KEY, "p"))


def test_the_server_key_rotates_without_the_passphrase(world: World, envelope: bytes) -> None:
    rotated = vault.rewrap(envelope, SERVER_KEY, OTHER_SERVER_KEY, "owner-1", "credential-1")
    assert open_it(rotated, server_key=OTHER_SERVER_KEY).private_numbers() == world.key.private_numbers()
    with pytest.raises(errors.WrongServerKey):
        open_it(rotated)
    with pytest.raises(errors.WrongServerKey):
        vault.rewrap(envelope, OTHER_SERVER_KEY, SERVER_KEY, "owner-1", "credential-1")


def test_the_passphrase_can_be_changed(envelope: bytes) -> None:
    changed = vault.change_passphrase(
        envelope, PASSPHRASE, "kata sandi baru", SERVER_KEY, "owner-1", "credential-1"
    )
    assert open_it(changed, passphrase="kata sandi baru").key_size == 2048
    with pytest.raises(errors.WrongPassphrase):
        open_it(changed)


@pytest.mark.parametrize("passphrase", ["", "pendek", " " * 12])
def test_a_weak_passphrase_is_refused(world: World, passphrase: str) -> None:
    with pytest.raises(errors.WeakPassphrase):
        vault.seal_key(world.key, passphrase, SERVER_KEY, "o", "c")


def test_a_short_server_key_is_a_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        vault.seal_secret(b"x", b"short", "p")


def test_a_secret_opens_only_for_its_purpose_and_key() -> None:
    sealed = vault.seal_secret(b"SEED", SERVER_KEY, "totp:1")
    assert b"SEED" not in sealed
    assert vault.open_secret(sealed, SERVER_KEY, "totp:1") == b"SEED"
    with pytest.raises(errors.EnvelopeMismatch):
        vault.open_secret(sealed, SERVER_KEY, "totp:2")
    with pytest.raises(errors.WrongServerKey):
        vault.open_secret(sealed, OTHER_SERVER_KEY, "totp:1")
    rotated = vault.rewrap_secret(sealed, SERVER_KEY, OTHER_SERVER_KEY, "totp:1")
    assert vault.open_secret(rotated, OTHER_SERVER_KEY, "totp:1") == b"SEED"


def bundle(world: World, passphrase: bytes | None) -> bytes:
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"demo", world.key, world.certificate, list(world.pki.chain), protection
    )


def test_a_pkcs12_file_is_read(world: World) -> None:
    content = vault.read_pkcs12(bundle(world, b"rahasia"), "rahasia")
    assert content.key.private_numbers() == world.key.private_numbers()
    assert content.certificate == world.certificate
    assert set(content.chain) == set(world.pki.chain)


def test_a_pkcs12_file_with_a_wrong_passphrase_says_so(world: World) -> None:
    with pytest.raises(errors.WrongPassphrase):
        vault.read_pkcs12(bundle(world, b"rahasia"), "salah")


def test_a_broken_pkcs12_file_says_so(world: World) -> None:
    for data in (b"", b"junk", bundle(world, b"rahasia")[:300]):
        with pytest.raises(errors.Pkcs12Unusable):
            vault.read_pkcs12(data, "rahasia")


def test_a_pkcs12_file_without_a_key_is_refused(world: World) -> None:
    only_certificate = pkcs12.serialize_key_and_certificates(
        b"demo", None, world.certificate, None, BestAvailableEncryption(b"rahasia")
    )
    with pytest.raises(errors.Pkcs12Unusable):
        vault.read_pkcs12(only_certificate, "rahasia")
