"""The enclosed worker comes to the verdict of validation in the open, whatever the level: it imports nothing late."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs.validation import validate_pdf
from svc.cage.port import Cage
from svc.deps import build_cage
from svc.settings import Settings
from tests.oracles.decrees import present_trust, signed_by_service
from tests.support.clock import FrozenClock
from tests.support.world import World


@pytest.fixture(scope="module")
def real_cage() -> Iterator[Cage]:
    cage = build_cage(Settings.from_env({}, env_file=None))
    yield cage
    cage.close()


@pytest.mark.parametrize(("kind", "level"), [("kgb", "B-B"), ("kgb", "B-LT"), ("kgb", "B-LTA"),
                                             ("perjanjian-kerja-sama", "B-LTA")])
def test_the_cage_says_what_validation_says(
    world: World, clock: FrozenClock, real_cage: Cage, kind: str, level: str
) -> None:
    for pdf in signed_by_service(world, clock, kind, level):
        trust = present_trust(world)
        caged = real_cage.validate(pdf, trust, clock.now(), ())
        assert caged.passed
        assert caged == validate_pdf(pdf, trust, clock.now())
