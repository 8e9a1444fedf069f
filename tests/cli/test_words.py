"""The command line speaks English to everybody, and says what to do."""

from __future__ import annotations

from svc.commands import shell
from svc.errors import InvalidInput, StepUpFailed


def test_what_a_service_refuses_is_told_in_english() -> None:
    assert shell.told(StepUpFailed()) == "The signing passphrase is wrong. [step_up_failed]"
    empty = InvalidInput("Berkas ini kosong atau melebihi %(mb)s MB.", params={"mb": 20})
    assert shell.told(empty) == "This file is empty or larger than 20 MB. [invalid_input]"
    assert shell.told(InvalidInput(fields={"a": "Wajib diisi.", "b": "Wajib diisi."})).endswith(" [invalid_input]")
    assert "Wajib" not in shell.told(InvalidInput(fields={"a": "Wajib diisi."}))
