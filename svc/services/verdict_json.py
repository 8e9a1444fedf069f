"""Verdicts as data for programs (docs/api.md): what the public page tells, no more and no less.

Values are those of JSON alone; instants are in ISO 8601 with their zone. ``say`` puts msgids into the reader's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import date
from typing import Any

from certs.validation import SignatureReport
from svc.services.finding_words import in_words
from svc.services.verdict_words import Sentence
from svc.services.verification import PublicVerdict, UploadVerdict

Say = Callable[[str], str]
_OF_DECREE = ("number", "subject", "is_secret", "kind", "unit_name", "issued_on", "medium", "paper_signer",
              "legal_status", "legal_note", "superseded_by", "signers", "parent")
_OF_FILE = ("sha256", "size", "indication", "sub_indication", "signatures", "timestamps")


def of_decree(verdict: PublicVerdict, base_url: str, say: Say) -> dict[str, Any]:
    """What is told of the decree behind a code; ``is_told`` is false where nothing may be told of it yet."""
    address = f"{base_url}/v/{verdict.code}"
    told: dict[str, Any] = {
        "code": verdict.code, "sentence": _sentence(verdict.sentence, say), "checked_at": verdict.checked_at,
        "is_told": verdict.is_told, "page_url": address, "blocks": verdict.blocks}
    if verdict.is_told:
        told |= _taken(verdict, (*_OF_DECREE, *_OF_FILE))
        told |= {"findings": _findings(verdict.findings, say), "report_url": f"{address}/report.pdf",
                 "file_url": f"{address}/file.pdf" if verdict.has_download else ""}
    return _plain(told)


def of_upload(verdict: UploadVerdict, base_url: str, say: Say) -> dict[str, Any]:
    """What is told of a file, and in ``registered`` of the decree that it is or contains (else null)."""
    told: dict[str, Any] = {
        "sentence": _sentence(verdict.sentence, say), "checked_at": verdict.checked_at, "registry": verdict.registry,
        "original_size": verdict.original_size, **_taken(verdict, _OF_FILE),
        "findings": _findings(verdict.findings, say),
        "registered": of_decree(verdict.registered, base_url, say) if verdict.registered else None}
    return _plain(told)


def json_value(value: object) -> Any:
    """For ``json.dumps(default=…)``: instants and days in ISO 8601, records as objects. :raises TypeError: neither"""
    if isinstance(value, date):  # an instant is a date too
        return value.isoformat()
    told = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, SignatureReport):
        told["certificate_then"] = value.certificate_when_proven
    return told


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(told, default=json_value))
    return made


def _taken(verdict: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in names}


def _sentence(sentence: Sentence, say: Say) -> dict[str, str]:
    more = say(sentence.more) if sentence.more else ""  # gettext answers an empty msgid with the catalogue's head
    return {"tone": sentence.tone.value, "text": sentence.said(say), "more": more}


def _findings(codes: Iterable[str], say: Say) -> list[dict[str, Any]]:
    return [{"text": say(one.text), "codes": one.codes} for one in in_words(codes)]
