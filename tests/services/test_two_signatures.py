"""An agreement that two heads of agency sign: the first certifies, the last locks, both stay valid."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from sqlalchemy import select

from certs.validation import Report, validate_pdf
from svc.models import Decree, StoredFile
from svc.seed.walk import PKS_CAST
from svc.services import preservation, trust
from svc.services.files import read_file
from tests.support.clock import FrozenClock
from tests.support.world import World

KIND = "perjanjian-kerja-sama"
FIRST, SECOND = "kepala", "kadis"


def best(world: World, decree_id: str) -> tuple[bytes, Report]:
    with world.deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        sha256 = decree.signed_sha256 or decree.frozen_sha256
        file = session.scalars(select(StoredFile).where(
            StoredFile.decree_id == decree.id, StoredFile.sha256 == sha256)).first()
    assert file is not None
    pdf = read_file(world.deps, file.object_key, file.sha256)
    return pdf, validate_pdf(pdf, trust.trust_store(world.deps), world.deps.clock.now())


@pytest.fixture
def agreement(world: World) -> str:
    world.give_certificates(FIRST, SECOND)
    return world.walk("ready_to_sign", KIND, PKS_CAST)


def test_both_sign_and_both_signatures_hold(world: World, clock: FrozenClock, agreement: str) -> None:
    world.sign(agreement, FIRST)
    first, report = best(world, agreement)
    assert world.view(agreement).status == "ready_to_sign"
    assert (report.passed, report.explained, len(report.signatures)) == (True, True, 1)
    assert report.signatures[0].certifies
    clock.advance(days=1)  # the printed date stays
    world.sign(agreement, SECOND)
    second, report = best(world, agreement)
    assert second.startswith(first)
    assert (report.passed, report.explained) == (True, True), report.explanation
    assert [one.certifies for one in report.signatures] == [True, False]
    assert len({one.serial for one in report.signatures}) == 2
    assert world.view(agreement).status in {"signed", "issued"}
    clock.advance(seconds=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    _, report = best(world, agreement)
    assert (report.passed, report.explained, {one.level for one in report.signatures}) == (True, True, {"B-LTA"})


def test_the_first_permits_the_second_and_the_second_locks_all_fields(world: World, agreement: str) -> None:
    world.sign(agreement, FIRST)
    world.sign(agreement, SECOND)
    with pikepdf.open(BytesIO(best(world, agreement)[0])) as document:
        first, second = document.Root.AcroForm.Fields
        transforms = [{str(one.TransformMethod): one.TransformParams for one in field.V.Reference}
                      for field in (first, second)]
        assert transforms[0]["/DocMDP"].P == 2  # forms may be filled: the second's field
        assert "/FieldMDP" not in transforms[0]
        assert transforms[1]["/FieldMDP"].Action == "/All"
        assert second.Lock.Action == "/All"
        assert second.Lock.P == 1


@pytest.mark.poppler
def test_pdfsig_agrees(world: World, agreement: str, tmp_path: Path) -> None:
    world.sign(agreement, FIRST)
    world.sign(agreement, SECOND)
    path = tmp_path / "perjanjian.pdf"
    path.write_bytes(best(world, agreement)[0])
    told = subprocess.run([str(shutil.which("pdfsig")), "-nocert", str(path)], capture_output=True, text=True,
                          check=False).stdout
    assert told.count("Signature is Valid") == 2
    assert "Total document signed" in told
