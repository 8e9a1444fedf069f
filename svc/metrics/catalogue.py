"""The catalogue of figures and of the indicators they feed (``catalogue.toml`` is dated data)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from svc.catalogues import N_

Unit = Literal["count", "share", "working_minutes"]


@dataclass(frozen=True)
class Figure:
    """One figure: ``label`` and ``definition`` are gettext msgids in Indonesian."""

    id: str
    label: str
    unit: Unit
    definition: str
    better: Literal["up", "down", "none"] = "none"


@dataclass(frozen=True)
class Indicator:
    """An indicator of an evaluation instrument, with the figures that are evidence for it."""

    instrument: str
    version: str
    code: str
    name: str
    weight: float
    scale: str
    legal_source: str
    valid_from: date
    confidence: str
    figures: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.instrument} {self.code}"


@dataclass(frozen=True)
class Target:
    """A value that the bureau wants a figure to reach by a day."""

    figure: str
    value: float
    by: date
    source: str


FIGURES: tuple[Figure, ...] = (
    Figure("created", N_("Naskah dibuat"), "count",
           N_("Banyaknya naskah yang konsepnya dibuat pada hari itu.")),
    Figure("submitted", N_("Naskah diajukan"), "count",
           N_("Banyaknya naskah yang pertama kali diajukan pada hari itu.")),
    Figure("signed", N_("Naskah ditandatangani"), "count",
           N_("Banyaknya naskah yang ditandatangani pada hari itu, elektronik maupun di atas kertas.")),
    Figure("returned", N_("Pengembalian"), "count",
           N_("Banyaknya pengembalian untuk perbaikan pada hari itu."), "down"),
    Figure("share_electronic", N_("Bagian ditandatangani elektronik"), "share",
           N_("Naskah dengan tanda tangan elektronik dibagi semua naskah yang ditandatangani; "
              "naskah di atas kertas yang diregistrasi dengan pindaiannya ikut dihitung."), "up"),
    Figure("share_within_norm", N_("Bagian selesai dalam norma waktu"), "share",
           N_("Naskah yang waktu kerjanya sejak pertama diajukan sampai ditandatangani tidak melebihi jumlah "
              "norma waktu alurnya sampai tanda tangan, dibagi semua naskah elektronik yang ditandatangani."), "up"),
    Figure("median_minutes", N_("Median waktu kerja"), "working_minutes",
           N_("Nilai tengah menit kerja sejak pertama diajukan sampai ditandatangani; "
              "jam kerja dan hari libur menurut kalender kerja."), "down"),
    Figure("p90_minutes", N_("Persentil ke-90 waktu kerja"), "working_minutes",
           N_("Sembilan dari sepuluh naskah selesai dalam menit kerja ini atau kurang (peringkat terdekat)."),
           "down"),
)


@cache
def load_catalogue() -> tuple[tuple[Indicator, ...], tuple[Target, ...]]:
    """Read the shipped catalogue. :raises KeyError: an entry lacks a field or names no known figure."""
    raw = tomllib.loads((files("svc.metrics") / "catalogue.toml").read_text("utf-8"))
    known = {figure.id for figure in FIGURES}
    indicators = tuple(
        Indicator(
            instrument=item["instrument"], version=item["version"], code=item["code"], name=item["name"],
            weight=item["weight"], scale=item["scale"], legal_source=item["legal_source"],
            valid_from=item["valid_from"], confidence=item["confidence"], figures=tuple(item["figures"]))
        for item in raw["indicator"])
    targets = tuple(Target(item["figure"], item["value"], item["by"], item["source"]) for item in raw["target"])
    named = {name for indicator in indicators for name in indicator.figures} | {t.figure for t in targets}
    if named - known:
        raise KeyError(f"catalogue.toml names unknown figures: {sorted(named - known)}")
    return indicators, targets


def indicators_of(figure_id: str) -> tuple[Indicator, ...]:
    """The indicators that a figure is evidence for."""
    return tuple(indicator for indicator in load_catalogue()[0] if figure_id in indicator.figures)


def target_of(figure_id: str) -> Target | None:
    """The target set for a figure, if the bureau has set one."""
    return next((target for target in load_catalogue()[1] if target.figure == figure_id), None)
