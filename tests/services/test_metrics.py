"""From events to figures: counted once, recomputed at will, each figure as its definition says."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from svc.errors import InvalidInput
from svc.metrics import export, facts, report, trend
from svc.metrics.catalogue import FIGURES, Target, indicators_of, load_catalogue
from svc.metrics.report import FigureSet, MetricsQuery
from svc.models import CycleFact, DayFact
from svc.services import paper, routing
from tests.services.test_routing import finished_pdf
from tests.support.clock import FrozenClock
from tests.support.statements import counted
from tests.support.world import World

YEAR = MetricsQuery(date(2026, 1, 1), date(2027, 12, 31))


def computed(world: World, query: MetricsQuery = YEAR, group_by: report.GroupBy = "month") -> report.MetricsReport:
    facts.recompute_touched(world.deps)
    return report.build_report(world.deps, query, group_by)


def on_paper(world: World, number: str = "1/X") -> None:
    paper.register_paper(world.deps, world.actor("analis"), kind_id="kgb", subject="Kertas", number=number,
                         signed_on=date(2026, 11, 20), signer_name="Kepala", scan_pdf=finished_pdf())


def test_each_decree_counts_once_in_each_figure(world: World) -> None:
    world.walk("draft")
    world.walk("in_review")
    world.walk("issued")
    total = computed(world).total
    assert (total.created, total.submitted, total.signed) == (3, 2, 1)
    assert (total.signed_electronic, total.signed_paper) == (1, 0)


def test_returned_and_resubmitted_counts_one_submission_and_one_return(world: World) -> None:
    decree_id = world.walk("in_review")
    view = world.view(decree_id)
    assert view.open_task is not None
    routing.return_for_revision(world.deps, world.actor("kasubbid"), view.open_task.task_id, view.lock_version, "x")
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    total = computed(world).total
    assert (total.created, total.submitted, total.returned) == (1, 1, 1)


def test_paper_makes_the_electronic_share_real(world: World) -> None:
    world.walk("issued")
    for number in ("1/X", "2/X", "3/X"):
        on_paper(world, number)
    total = computed(world).total
    assert (total.signed, total.signed_paper) == (4, 3)
    assert total.share_electronic == pytest.approx(0.25)
    assert total.median_minutes is not None  # of the electronic one alone


def test_time_runs_in_working_minutes_from_the_first_submission(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("in_review")
    clock.advance(days=1)  # Tuesday 09.00 to Wednesday 09.00: one working day of 7.5 hours
    for username in ("kasubbid", "kabid", "sekretaris"):
        world.approve(decree_id, username)
    world.sign(decree_id)
    total = computed(world).total
    assert total.median_minutes == 450
    assert total.share_within_norm == 1.0  # the route's norm is 24 working hours


def test_late_ones_fall_out_of_the_norm(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("in_review")
    clock.advance(days=10)
    for username in ("kasubbid", "kabid", "sekretaris"):
        world.approve(decree_id, username)
    world.sign(decree_id)
    assert computed(world).total.share_within_norm == 0.0


def test_days_are_days_of_the_province(world: World, clock: FrozenClock) -> None:
    clock.at = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)  # 1 December, 01.00 in Makassar
    world.walk("draft")
    assert [group.key for group in computed(world).groups] == ["2026-12"]


def test_computing_again_changes_nothing(world: World) -> None:
    world.walk("issued")
    on_paper(world)
    first = computed(world)
    assert computed(world).total == first.total
    facts.rebuild(world.deps)
    assert report.build_report(world.deps, YEAR).total == first.total


def test_a_damaged_fact_is_mended_by_a_rebuild(world: World) -> None:
    world.walk("issued")
    before = computed(world).total
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(DayFact).where(DayFact.signed > 0)).one().signed = 99
        session.delete(session.scalars(select(CycleFact)).one())
    facts.rebuild(world.deps)
    assert report.build_report(world.deps, YEAR).total == before


def test_groups_by_agency_and_kind_and_filters_by_unit(world: World) -> None:
    world.walk("issued")
    world.walk("draft", "surat-izin")
    by_unit = {group.key: group.created for group in computed(world, group_by="unit").groups}
    assert by_unit == {"BKD": 1, "PTSP": 1}
    by_kind = {group.key: group.created for group in computed(world, group_by="kind").groups}
    assert by_kind == {"kgb": 1, "surat-izin": 1}
    below = MetricsQuery(YEAR.start, YEAR.end, unit_code="BKD")
    assert computed(world, below).total.created == 1
    assert computed(world, MetricsQuery(YEAR.start, YEAR.end, kind="surat-izin")).total.created == 1


@pytest.mark.parametrize("query", [
    MetricsQuery(date(2026, 2, 1), date(2026, 1, 1)), MetricsQuery(date(2000, 1, 1), date(2026, 1, 1)),
    MetricsQuery(YEAR.start, YEAR.end, unit_code="NONE"), MetricsQuery(YEAR.start, YEAR.end, kind="none")])
def test_a_senseless_question_is_refused(world: World, query: MetricsQuery) -> None:
    with pytest.raises(InvalidInput):
        report.build_report(world.deps, query)


def test_without_anything_signed_shares_are_empty_not_zero(world: World) -> None:
    total = computed(world).total
    assert (total.share_electronic, total.share_within_norm, total.median_minutes) == (None, None, None)


@pytest.mark.parametrize("rows", [1, 6])
def test_the_report_costs_the_same_however_many_decrees(world: World, rows: int) -> None:
    for _ in range(rows):
        world.walk("draft")
    facts.recompute_touched(world.deps)
    with counted(world.deps.db) as seen:
        report.build_report(world.deps, YEAR)
    assert len(seen) == 4


def test_the_export_gives_every_figure_with_definition_and_indicators(world: World) -> None:
    world.walk("issued")
    found = computed(world)
    document = export.to_json(found, "month")
    assert document["total"]["share_electronic"] == 1.0
    assert all(figure["definition"] and figure["indicators"] for figure in document["figures"])
    rows = list(csv.DictReader(io.StringIO(export.to_csv(found))))
    assert len(rows) == 2 * len(FIGURES)
    assert {row["figure"] for row in rows} == {figure.id for figure in FIGURES}


def test_the_catalogue_feeds_the_indicators_asked_for() -> None:
    fed = {indicator.label for figure in FIGURES for indicator in indicators_of(figure.id)}
    assert fed == {"SPBE 36", "SPBE 37", "RB 4.1", "RB 4.2"}
    assert all(indicator.legal_source and indicator.confidence for indicator in load_catalogue()[0])


def test_percentile_by_nearest_rank() -> None:
    assert report.nearest_rank(list(range(1, 11)), 90) == 9
    assert report.nearest_rank([5], 90) == 5


def month(key: str, share: float | None) -> FigureSet:
    return FigureSet(key, key, 0, 0, 0, 0, 0, 0, 0, share, None, None, None)


@pytest.mark.parametrize(("shares", "reached"), [
    ((0.50, 0.55, 0.60, 0.65), date(2026, 7, 1)),      # five points a month: 80 % in July
    ((0.60, 0.60, 0.60), None),                        # no pace
    ((0.70, 0.60, 0.50), None),                        # away from it
    ((0.50, 0.60), None),                              # too few months to say
])
def test_the_outlook_follows_the_line_through_the_months(shares: tuple[float, ...], reached: date | None) -> None:
    months = [month(f"2026-{index:02d}", share) for index, share in enumerate(shares, start=1)]
    found = trend.outlook(shares[-1], months, Target("share_electronic", 0.8, date(2027, 1, 1), ""), "share_electronic")
    assert found.reached_on == reached
    assert not found.is_met


def test_a_met_target_is_said_to_be_met() -> None:
    target = Target("share_electronic", 0.8, date(2027, 1, 1), "")
    found = trend.outlook(0.9, [month("2026-01", 0.9)], target, "share_electronic")
    assert found.is_met
    assert found.change is None
