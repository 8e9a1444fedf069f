"""A command that is typed with another address than the service has is found out."""

from __future__ import annotations

from pathlib import Path

from svc import served_address
from svc.settings import Settings


def at(folder: Path, url: str) -> Settings:
    return Settings.from_env({"PARAF_VAR_DIR": str(folder), "PARAF_BASE_URL": url}, None)


def test_another_address_than_the_served_one_is_named_with_its_setting(tmp_path: Path) -> None:
    served, other = at(tmp_path, "http://127.0.0.1:8137"), at(tmp_path, "http://127.0.0.1:8000")
    assert served_address.warning(other) == "", "nothing was served yet"
    served_address.remember(served)
    assert served_address.warning(served) == ""
    said = served_address.warning(other)
    assert "served at http://127.0.0.1:8137, but PARAF_BASE_URL is http://127.0.0.1:8000 here" in said
    served_address.remember(other)
    assert served_address.warning(other) == "", "served there from now on"


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    gone = at(tmp_path / "gone", "http://127.0.0.1:8137")
    served_address.remember(gone)
    assert served_address.recall(gone) == ""
