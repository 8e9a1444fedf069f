"""Every forged file is found out, twice: by its structure or its changes, and by the final verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from certs.structure import Finding, compare_revisions, examine
from certs.validation import validate_pdf
from tests.attacks import (
    bombs,
    borrowed,
    changes,
    escaped,
    forgery,
    incremental,
    other_formats,
    pictures,
    revived,
    searched,
    second,
    shadow,
    stamps,
    streamed,
    wrapping,
)
from tests.attacks.craft import Attack, Sample

FAMILIES: dict[str, Callable[[Sample], Iterable[Attack]]] = {
    "incremental": incremental.attacks,
    "forgery": forgery.attacks,
    "wrapping": wrapping.attacks,
    "changes": changes.attacks,
    "shadow": shadow.attacks,
    "second": second.attacks,
    "pictures": pictures.attacks,
    "stamps": stamps.attacks,
    "other formats": other_formats.attacks,
    "escaped": escaped.attacks,
    "streamed": streamed.attacks,
    "searched": searched.attacks,
    "revived": revived.attacks,
    "borrowed": borrowed.attacks,
    "bombs": bombs.attacks,
}
# Attacks that the verdict lets pass as long as it does not ask for the structure: "family: attack".
KNOWN_PENDING: frozenset[str] = frozenset()


@pytest.fixture(scope="session")
def forged(sample: Sample) -> dict[str, list[Attack]]:
    return {family: list(make(sample)) for family, make in FAMILIES.items()}


def found(one: Attack) -> tuple[Finding, ...]:
    changes_found = compare_revisions(one.pdf, one.signed_length) if one.signed_length else ()
    return (*examine(one.pdf).findings, *changes_found)


@pytest.mark.parametrize("family", FAMILIES)
def test_structure_or_comparison_finds_it(forged: dict[str, list[Attack]], family: str) -> None:
    wrong = {}
    for one in forged[family]:
        codes = {finding.code for finding in found(one)}
        if one.codes and not codes & one.codes:
            wrong[one.name] = (sorted(codes), sorted(one.codes))
    assert wrong == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_verdict_is_never_passed(forged: dict[str, list[Attack]], sample: Sample, family: str) -> None:
    world = sample.world
    passed = {
        f"{family}: {one.name}" for one in forged[family] if validate_pdf(one.pdf, world.trust(), world.later).passed
    }
    assert passed == {name for name in KNOWN_PENDING if name.startswith(f"{family}: ")}


def test_names_are_unique(forged: dict[str, list[Attack]]) -> None:
    for family, attacks in forged.items():
        names = [one.name for one in attacks]
        assert len(names) == len(set(names)), family
        assert len(names) >= 8
