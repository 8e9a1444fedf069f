"""Route definitions: what is shipped is sound, what makes no sense is refused with its place."""

from __future__ import annotations

import pytest

from workflows.diagram import sop_rows, to_mermaid
from workflows.errors import InvalidDefinition, SameSigner, UnknownAssignee
from workflows.loader import load_all, load_definition, load_source
from workflows.model import ChartPosition, OrgChart, StepKind
from workflows.rules import resolve_assignments

GOOD = b"""
id = "x"
version = 1
title = "X"
sop_number = "SOP-CONTOH/01"
[[step]]
id = "a"
kind = "paraf"
title = "A"
superior_of_drafter = 1
norm_hours = 1.5
[[step]]
id = "n"
kind = "number"
title = "N"
[[step]]
id = "s"
kind = "sign"
title = "S"
position = "{unit}.KEPALA"
norm_hours = 4
"""


def test_every_shipped_route_is_sound_and_pinned_by_its_bytes() -> None:
    routes = load_all()
    assert {"kgb", "keputusan", "keputusan-gubernur", "surat-tugas", "surat-izin", "surat-dinas",
            "perjanjian-kerja-sama", "petikan-keputusan", "salinan-keputusan"} == set(routes)
    for route_id, definition in routes.items():
        assert load_definition(load_source(route_id)) == definition
        assert definition.norm_minutes > 0
        assert definition.sop_number
        assert sum(step.kind is StepKind.PARAF for step in definition.steps) <= 3  # paraf hierarki: at most three


def test_norm_hours_become_working_minutes() -> None:
    assert [step.norm_minutes for step in load_definition(GOOD).steps] == [90, 0, 240]


@pytest.mark.parametrize(("change", "said"), [
    ((b'kind = "paraf"', b'kind = "stamp"'), "malformed"),
    ((b"superior_of_drafter = 1", b"superior_of_drafter = 0"), "whole number from 1"),
    ((b"superior_of_drafter = 1", b""), "exactly one"),
    ((b'kind = "number"', b'kind = "number"\nposition = "P"'), "by itself"),
    ((b'kind = "number"', b'kind = "sign"\nposition = "P"'), "steps must be"),
    ((b'id = "n"', b'id = "a"'), "repeat"),
    ((b"norm_hours = 4", b"norm_hours = -4"), "norm_hours must be"),
    ((b"norm_hours = 4", b"nrom_hours = 4"), "unknown keys nrom_hours"),
    ((b'title = "X"', b""), "title"),
    ((b"version = 1", b"version ="), "not TOML"),
    ((b'"X"', b'"\xff"'), "not TOML"),
    ((b"norm_hours = 4", b"norm_hours = inf"), "norm_hours must be"),
    ((b"norm_hours = 4", b"norm_hours = nan"), "norm_hours must be"),
    ((b"norm_hours = 4", b"norm_hours = true"), "norm_hours must be"),
    ((b"version = 1", b"version = 1.5"), "version"),
    ((b"version = 1", b'version = 1\nallow_self_approval = "false"'), "true or false"),
    ((b"superior_of_drafter = 1", b"drafter = false"), "only be true"),
    ((b"superior_of_drafter = 1", b"drafter = true"), "may not approve his own"),
    ((b'sop_number = "SOP-CONTOH/01"', b'sop_number = " "'), "sop_number"),
    ((b'id = "a"', b'id = "A B"'), "ids are lower-case"),
    ((b"superior_of_drafter = 1", b'chosen = "other-agency"'), "only of a signature"),
    ((b'position = "{unit}.KEPALA"', b'chosen = "anywhere"'), "chosen can only be"),
    ((b'position = "{unit}.KEPALA"', b'position = "P"\nchosen = "other-agency"'), "exactly one"),
    ((b"norm_hours = 4", b'norm_hours = 4\n[[step]]\nid = "t"\nkind = "sign"\ntitle = "T"\n'
                         b'position = "{unit}.KEPALA"'), "one position signs twice"),
    ((b"norm_hours = 4", b"norm_hours = 4\n" + b"".join(
        b'[[step]]\nid = "t%d"\nkind = "sign"\ntitle = "T"\nposition = "P%d"\n' % (n, n) for n in range(4))),
     "1 to 4 times"),
    ((b'kind = "number"\ntitle = "N"', b'kind = "sign"\ntitle = "N"\nposition = "P"\n'
                                      b'[[step]]\nid = "m"\nkind = "number"\ntitle = "N"'), "steps must be"),
])
def test_a_wrong_definition_is_refused_with_its_place(change: tuple[bytes, bytes], said: str) -> None:
    with pytest.raises(InvalidDefinition, match=said):
        load_definition(GOOD.replace(*change, 1))


AGREEMENT = GOOD + b"""
[[step]]
id = "other"
kind = "sign"
title = "O"
chosen = "other-agency"
"""
CHART = OrgChart({
    4: ChartPosition(4, "PTSP.KEPALA", "PTSP", None),
    1: ChartPosition(1, "BKD.KEPALA", "BKD", None), 2: ChartPosition(2, "BKD.KASUBBID", "BKD", 1),
    3: ChartPosition(3, "BKD.ANALIS", "BKD", 2)})


def test_assignees_become_positions_of_the_drafters_agency() -> None:
    found = resolve_assignments(load_definition(GOOD), 3, CHART)
    assert [(a.step_index, a.position_id) for a in found] == [(0, 2), (2, 1)]


@pytest.mark.parametrize("drafter", [1, 99])
def test_a_missing_superior_or_position_is_told(drafter: int) -> None:
    with pytest.raises(UnknownAssignee):
        resolve_assignments(load_definition(GOOD), drafter, CHART)


def test_a_route_can_be_drawn_and_tabled() -> None:
    definition = load_definition(GOOD)
    assert "s1 -. kembali .-> draft" in to_mermaid(definition)
    assert [(row.number, row.performer) for row in sop_rows(definition)] == [
        (1, "atasan penyusun (1)"), (2, "sistem"), (3, "{unit}.KEPALA")]


def test_the_second_party_is_the_chosen_position_of_another_agency() -> None:
    found = resolve_assignments(load_definition(AGREEMENT), 3, CHART, {"other": "PTSP.KEPALA"})
    assert [(a.step_index, a.position_id) for a in found] == [(0, 2), (2, 1), (3, 4)]


@pytest.mark.parametrize("choice", [{}, {"other": "BKD.KASUBBID"}, {"other": "NOBODY"}, {"s": "PTSP.KEPALA"}])
def test_a_second_party_that_is_missing_or_of_the_same_agency_is_told(choice: dict[str, str]) -> None:
    with pytest.raises(UnknownAssignee, match="step other"):
        resolve_assignments(load_definition(AGREEMENT), 3, CHART, choice)


def test_one_position_cannot_be_both_parties() -> None:
    fixed = AGREEMENT.replace(b'chosen = "other-agency"', b'position = "BKD.KEPALA"')
    with pytest.raises(SameSigner):
        resolve_assignments(load_definition(fixed), 3, CHART)


def test_behind_the_first_signature_the_chart_shows_no_way_back() -> None:
    chart = to_mermaid(load_definition(AGREEMENT))
    assert "s3 -. kembali .-> draft" in chart
    assert "s4 -. kembali" not in chart
    assert 's4 -. menolak .-> s4x(["Ditolak"])' in chart
    assert sop_rows(load_definition(AGREEMENT))[-1].performer.startswith("pejabat perangkat daerah lain")


def test_the_norm_to_the_signature_counts_every_signature() -> None:
    agreement = load_all()["perjanjian-kerja-sama"]
    assert agreement.minutes_to_signature == agreement.norm_minutes - agreement.steps[-1].norm_minutes
