from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from svc.payscale import PayScales, PayUnknown

SCALES = PayScales.load()
PP_5_2024 = SCALES.on(date(2024, 1, 1))


@pytest.mark.parametrize(
    ("rank", "years", "pay"),
    [
        ("I/a", 0, 1_685_700), ("I/d", 27, 2_901_400),
        ("II/a", 0, 2_184_000), ("II/a", 1, 2_218_400), ("II/d", 33, 4_125_600),
        ("III/a", 0, 2_785_700), ("III/b", 10, 3_390_500), ("III/d", 32, 5_180_700),
        ("IV/a", 0, 3_287_800), ("IV/c", 22, 5_023_800), ("IV/e", 32, 6_373_200),
    ],
)  # fmt: skip
def test_figures_as_published(rank: str, years: int, pay: int) -> None:
    assert PP_5_2024.pay_of(rank, years * 12) == pay


def test_table_is_whole_and_regular() -> None:
    assert sum(len(steps) for steps in PP_5_2024.steps.values()) == 272
    for rank, steps in PP_5_2024.steps.items():
        for (years, pay), (later, more) in pairwise(steps):
            exponent = (later - years) / 2
            assert more / pay == pytest.approx(1.0315**exponent, abs=4e-4), (rank, years)


def test_higher_rank_never_earns_less_for_the_same_service() -> None:
    for months in range(0, 27 * 12, 12):
        known = [
            PP_5_2024.pay_of(rank, months)
            for rank, steps in PP_5_2024.steps.items()
            if steps[0][0] * 12 <= months
        ]
        assert known == sorted(known)


def test_between_two_steps_the_lower_holds() -> None:
    assert PP_5_2024.pay_of("III/a", 2 * 12 - 1) == 2_785_700
    assert PP_5_2024.pay_of("III/a", 2 * 12) == 2_873_500


def test_what_the_table_does_not_hold_is_not_guessed() -> None:
    with pytest.raises(PayUnknown):
        PP_5_2024.pay_of("II/b", 24)
    with pytest.raises(PayUnknown):
        PP_5_2024.pay_of("V/a", 0)
    with pytest.raises(PayUnknown):
        SCALES.on(date(2023, 12, 31))
    assert PP_5_2024.next_step("IV/e", 32 * 12) is None
