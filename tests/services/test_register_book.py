"""The register book as people page through it, nonsense in its address included."""

from __future__ import annotations

import pytest

from svc.services import numbering
from tests.support.world import World


@pytest.mark.parametrize("text", ["", "x", "-1", "²", "٣", "9" * 40, "1 OR 1=1", "\x00"])
def test_nonsense_for_a_book_or_a_page_is_the_first_page_or_nothing(world: World, text: str) -> None:
    world.walk("ready_to_sign")
    actor = world.actor("analis")
    key = numbering.list_books(world.deps, actor)[0].key
    assert numbering.register_book(world.deps, actor, text).items == ()
    assert len(numbering.register_book(world.deps, actor, key, text).items) == 1


def test_only_where_there_is_something_before_does_a_page_lead_back(world: World,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "PAGE_SIZE", 2)
    for _ in range(5):
        world.walk("ready_to_sign")
    actor = world.actor("analis")
    key = numbering.list_books(world.deps, actor)[0].key
    pages, cursor = [], ""
    for _ in range(3):
        page = numbering.register_book(world.deps, actor, key, cursor)
        pages.append(page)
        cursor = page.next_cursor
    assert [[item.seq for item in page.items] for page in pages] == [[5, 4], [3, 2], [1]]
    assert [bool(page.prev_cursor) for page in pages] == [False, True, True]
    assert [bool(page.next_cursor) for page in pages] == [True, True, False]
    back = numbering.register_book(world.deps, actor, key, pages[1].prev_cursor)
    assert back == pages[0]
