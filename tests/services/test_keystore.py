"""Keys on disk: private, made once, never overwritten, changed without loss."""

from __future__ import annotations

import base64
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from svc.adapters import keystore
from svc.settings import Settings, SettingsError

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var_dir=tmp_path / "var")


def test_a_second_start_finds_the_same_keys(settings: Settings) -> None:
    key = keystore.load_server_key(settings)
    pki = keystore.load_or_create_pki(settings, key, NOW)

    again = keystore.load_or_create_pki(settings, keystore.load_server_key(settings), NOW)

    assert keystore.load_secret_key(settings) == keystore.load_secret_key(settings)
    assert again.root_pem == pki.root_pem
    assert again.audit.certificate == pki.audit.certificate
    assert again.issuing.key.private_numbers() == pki.issuing.key.private_numbers()


def test_only_the_owner_may_read_and_no_key_lies_in_the_open(settings: Settings) -> None:
    key = keystore.load_server_key(settings)
    keystore.load_secret_key(settings)
    keystore.load_or_create_pki(settings, key, NOW)

    for path in [keystore.keys_folder(settings), *keystore.keys_folder(settings).rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes()


def test_processes_that_start_together_agree(settings: Settings) -> None:
    with ThreadPoolExecutor(6) as pool:
        keys = list(pool.map(lambda _: keystore.load_server_key(settings), range(6)))
    assert len(set(keys)) == 1
    with ThreadPoolExecutor(3) as pool:
        roots = list(pool.map(lambda _: keystore.load_or_create_pki(settings, keys[0], NOW).root_pem, range(3)))
    assert len(set(roots)) == 1


def test_another_server_key_is_refused_and_destroys_nothing(settings: Settings) -> None:
    key = keystore.load_server_key(settings)
    pki = keystore.load_or_create_pki(settings, key, NOW)

    with pytest.raises(SettingsError, match="another server key"):
        keystore.load_or_create_pki(settings, secrets.token_bytes(32), NOW)

    assert keystore.load_or_create_pki(settings, key, NOW).root_pem == pki.root_pem


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"too short").decode()])
def test_a_bad_server_key_is_named_at_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="server key"):
        keystore.load_server_key(Settings(var_dir=tmp_path, server_key=SecretStr(text)))


def test_a_changed_server_key_opens_the_same_pki_and_the_old_one_nothing(settings: Settings) -> None:
    old = keystore.load_server_key(settings)
    pki = keystore.load_or_create_pki(settings, old, NOW)
    new = secrets.token_bytes(32)

    keystore.write_pki_under(settings, pki, new)
    assert keystore.load_or_create_pki(settings, old, NOW).root_pem == pki.root_pem  # crash here: both open
    keystore.adopt_server_key(settings, new)

    assert keystore.load_server_key(settings) == new
    assert keystore.load_or_create_pki(settings, new, NOW).root_pem == pki.root_pem
    with pytest.raises(SettingsError):
        keystore.load_or_create_pki(settings, old, NOW)


def renewed_after(settings: Settings, days: int) -> tuple[keystore.Pki, keystore.Pki]:
    """The PKI made today, and the one that a start so many days later finds."""
    key = keystore.load_server_key(settings)
    before = keystore.load_or_create_pki(settings, key, NOW)
    return before, keystore.load_or_create_pki(settings, key, NOW + timedelta(days=days))


def test_nothing_is_renewed_before_its_time(settings: Settings) -> None:
    before, after = renewed_after(settings, 656)
    assert after.ocsp.certificate == before.ocsp.certificate


def test_a_start_renews_what_ends_soon_and_keeps_the_old_certificate(settings: Settings) -> None:
    before, after = renewed_after(settings, 658)  # of 730 days

    assert after.ocsp.certificate != before.ocsp.certificate
    assert after.ocsp.key.private_numbers() != before.ocsp.key.private_numbers()
    assert after.ocsp.certificate.not_valid_after_utc > before.ocsp.certificate.not_valid_after_utc
    assert after.development.retired_certificates("ocsp") == (before.ocsp.certificate,)
    assert (after.root_pem, after.tsa.certificate) == (before.root_pem, before.tsa.certificate)
    again = keystore.load_or_create_pki(settings, keystore.load_server_key(settings), NOW + timedelta(days=659))
    assert again.ocsp.certificate == after.ocsp.certificate
    assert again.development.retired == after.development.retired


def test_a_new_time_stamp_unit_knows_the_old_one(settings: Settings) -> None:
    before, after = renewed_after(settings, 1650)  # of 1825
    assert after.tsa_certificates == (after.tsa.certificate, before.tsa.certificate)
    assert after.tsa_service().certificate == after.tsa.certificate


def test_the_authority_gets_a_later_end_two_years_ahead_and_keeps_its_keys(settings: Settings) -> None:
    before, after = renewed_after(settings, 2191)  # of 2920
    for old, new in ((before.issuing, after.issuing), (before.development.root, after.development.root)):
        assert new.key.private_numbers() == old.key.private_numbers()
        assert new.certificate.subject == old.certificate.subject
        assert new.certificate.not_valid_before_utc == old.certificate.not_valid_before_utc
        assert new.certificate.not_valid_after_utc == old.certificate.not_valid_after_utc + timedelta(days=2191)
    assert (keystore.keys_folder(settings) / "pki/root.pem").read_bytes() == after.root_pem != before.root_pem
    key = keystore.load_server_key(settings)
    again = keystore.load_or_create_pki(settings, key, NOW + timedelta(days=2192))
    assert again.root_pem == after.root_pem


def test_the_authority_is_left_alone_before(settings: Settings) -> None:
    before, after = renewed_after(settings, 2189)
    assert after.root_pem == before.root_pem


def test_near_the_end_of_its_ca_a_unit_is_not_renewed_at_every_start(settings: Settings) -> None:
    key = keystore.load_server_key(settings)
    keystore.load_or_create_pki(settings, key, NOW)
    days = (2000, 2800, 2910)  # the issuing CA has 2920
    serials = [keystore.load_or_create_pki(settings, key, NOW + timedelta(days=one)).ocsp.certificate.serial_number
               for one in (*days, 2911)]
    assert serials[2] == serials[3]


def test_processes_that_start_together_renew_once(settings: Settings) -> None:
    key = keystore.load_server_key(settings)
    keystore.load_or_create_pki(settings, key, NOW)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(
            lambda _: keystore.load_or_create_pki(settings, key, NOW + timedelta(days=700)), range(4)))
    assert len({one.ocsp.certificate.serial_number for one in found}) == 1
    assert len(found[0].development.retired) == 1


def test_all_can_be_renewed_by_hand_and_survive_a_change_of_the_server_key(settings: Settings) -> None:
    key, new = keystore.load_server_key(settings), secrets.token_bytes(32)
    before = keystore.load_or_create_pki(settings, key, NOW)
    pki = keystore.renew_pki(settings, key, NOW, ("tsa", "ocsp", "audit"))
    assert pki.audit_certificates == (pki.audit.certificate, before.audit.certificate)
    keystore.write_pki_under(settings, pki, new)
    assert keystore.load_or_create_pki(settings, new, NOW).audit_certificates == pki.audit_certificates
