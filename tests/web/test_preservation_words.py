"""What a signed decree's page says of how long it is provable, once an algorithm is about to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from svc.services import preservation
from tests.support.clock import FrozenClock
from tests.support.world import World
from tests.web.conftest import Visitor


def test_the_page_names_the_day_on_which_the_algorithm_ends_and_what_is_waited_for(
    world: World, clock: FrozenClock, log_in: Callable[[str], Visitor]
) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    settings = world.deps.settings.model_copy(update={"algorithm_ends": f"rsa2048={clock.now().year + 1}-12-31"})
    deps = replace(world.deps, settings=settings)
    preservation.preserve_due(deps)
    page = log_in("analis").get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert f"dapat dibuktikan sampai 31 Desember {clock.now().year + 1}, lalu diperbarui sendiri" in page
    clock.at = clock.at.replace(year=clock.now().year + 1, month=11) + timedelta(days=10)
    assert preservation.preserve_due(deps).waiting == 1
    page = log_in("analis").get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert "menunggu layanan stempel waktu dengan algoritma atau kunci yang lebih kuat" in page
    assert f"dapat dibuktikan sampai 31 Desember {clock.now().year}" in page
