"""The victims: decrees of one page, signed in every way that the service signs a first time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typst

from certs.pades import FurtherField, SignatureBox, SignRequest
from tests.attacks.craft import Sample
from tests.unit.certs.conftest import World, world  # noqa: F401 - a fixture

PAGE = b"""#set document(title: "Keputusan Contoh", date: datetime(year: 2026, month: 6, day: 1))
#set text(lang: "id")
= Keputusan Contoh
#lorem(60)
#pagebreak()
#lorem(20)
"""


def request(world: World, *, certify: bool, expects_more: bool = False) -> SignRequest:  # noqa: F811
    plain = world.request(certify=certify, box=SignatureBox(0, 300, 100, 450.5, 180))
    return replace(plain, further=(FurtherField("Signature2", None),) if expects_more else ())


@pytest.fixture(scope="session")
def sample(world: World) -> Sample:  # noqa: F811
    page = typst.compile(PAGE, format="pdf", pdf_standards=["a-2a"])
    return Sample(
        world=world,
        page=page,
        certified=world.sign(request(world, certify=True), page).pdf,
        open=world.sign(request(world, certify=True, expects_more=True), page).pdf,
        plain=world.sign(request(world, certify=False), page).pdf,
    )
