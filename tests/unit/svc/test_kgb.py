"""The periodic pay rise at the edges of calendar and table."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from svc.kinds import InvalidDecreeData, KindCatalogue


def changed(catalogue: KindCatalogue, **base: object) -> dict[str, Any]:
    """The example with other facts of the last decree."""
    data: dict[str, Any] = copy.deepcopy(dict(catalogue.get("kgb").example))
    data["dasar"].update(base)
    return data


def faults(catalogue: KindCatalogue, data: dict[str, Any]) -> set[str]:
    kind = catalogue.get("kgb")
    with pytest.raises(InvalidDecreeData) as caught:
        catalogue.validate_data(kind, catalogue.complete_data(kind, data))
    return {error.path for error in caught.value.errors}


def test_a_rise_beyond_the_calendar_is_a_fault_of_its_date(catalogue: KindCatalogue) -> None:
    assert faults(catalogue, changed(catalogue, tmt="9999-12-31")) == {"dasar.tmt"}
    data = changed(catalogue, tmt="9997-01-01")
    data["kenaikan"]["tmt"] = "9999-01-01"
    assert faults(catalogue, data) == {"kenaikan.tmt"}


@pytest.mark.parametrize("years", [10**15 - 1, -(10**15), 10**30, -(10**30)])
def test_service_that_nobody_lives_to_see_is_a_fault_of_its_field(catalogue: KindCatalogue, years: int) -> None:
    assert "dasar.masa_kerja_tahun" in faults(catalogue, changed(catalogue, masa_kerja_tahun=years))
