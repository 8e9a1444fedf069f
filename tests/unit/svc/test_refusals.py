"""Whatever an upload can be refused for is told in words of its own."""

from __future__ import annotations

from certs.errors import UploadRefused
from svc.catalogues import catalogue_of
from svc.services.refusals import refusal_words


def test_each_reason_has_words_of_its_own_in_both_languages() -> None:
    kinds = UploadRefused.__subclasses__()
    told = [refusal_words(one()) for one in kinds]
    assert len({*told, refusal_words(UploadRefused())}) == len(kinds) + 1
    assert [one for one in told if catalogue_of("en").gettext(one) == one] == []
