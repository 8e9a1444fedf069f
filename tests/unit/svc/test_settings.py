"""Settings that cannot work are refused at start-up, each with its name."""

from __future__ import annotations

import pytest

from svc.settings import Settings, SettingsError

S3 = {"PARAF_STORE": "s3", "PARAF_S3_ENDPOINT": "127.0.0.1:9000", "PARAF_S3_ACCESS_KEY": "kunci",
      "PARAF_S3_SECRET_KEY": "rahasia"}


@pytest.mark.parametrize("zone", ["Mars/Phobos", "Asia", "", "../Asia/Makassar"])
def test_a_zone_that_does_not_exist_is_named(zone: str) -> None:
    with pytest.raises(SettingsError, match="PARAF_ZONE"):
        Settings.from_env({"PARAF_ZONE": zone}, env_file=None)


@pytest.mark.parametrize("address", ["http://", "https://", "https:///naskah", "http://:8000", "https://[", "paraf"])
def test_a_public_address_has_a_host(address: str) -> None:
    with pytest.raises(SettingsError, match="PARAF_BASE_URL"):
        Settings.from_env({"PARAF_BASE_URL": address}, env_file=None)


@pytest.mark.parametrize("missing", ["PARAF_S3_ENDPOINT", "PARAF_S3_ACCESS_KEY", "PARAF_S3_SECRET_KEY"])
def test_a_store_elsewhere_needs_its_address_and_both_keys(missing: str) -> None:
    assert Settings.from_env(S3, env_file=None).store == "s3"
    with pytest.raises(SettingsError, match="s3_secret_key"):
        Settings.from_env({name: value for name, value in S3.items() if name != missing}, env_file=None)


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_version_of_bsre_is_a_number_in_text(version: str) -> None:
    assert Settings.from_env({"PARAF_BSRE_VERSION": version}, env_file=None).bsre_version == int(version)


@pytest.mark.parametrize("version", ["0", "3", "dua"])
def test_another_version_of_bsre_is_refused(version: str) -> None:
    with pytest.raises(SettingsError, match="PARAF_BSRE_VERSION"):
        Settings.from_env({"PARAF_BSRE_VERSION": version}, env_file=None)
