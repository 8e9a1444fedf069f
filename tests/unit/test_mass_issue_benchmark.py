"""The benchmark of mass issuance runs, and its lines make documents that pass."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.mass_issue import measure
from benchmarks.mass_issue_data import make_office, make_request, read_office
from benchmarks.mass_issue_lines import make_ours
from certs.pades import Level
from certs.validation import validate_pdf
from svc.kinds import KindCatalogue


def test_its_documents_are_all_different_and_valid(tmp_path: Path) -> None:
    make_office(tmp_path)
    make_ours(tmp_path, Level.B_LT)(range(1, 4))()
    (folder,) = tmp_path.glob("ours-*")
    files = sorted(folder.glob("*.pdf"))
    assert [file.name for file in files] == ["1.pdf", "2.pdf", "3.pdf"]
    trust = read_office(tmp_path).trust
    reports = [validate_pdf(file.read_bytes(), trust, datetime.now(UTC)) for file in files]
    assert all(report.passed and report.signatures[0].level == "B-LT" for report in reports)


def test_its_data_is_what_the_kind_wants() -> None:
    kinds = KindCatalogue.load()
    kind = kinds.get("kgb")
    people = {str(make_request(kinds, number).data["pegawai"]) for number in range(200)}
    assert len(people) == 200
    for number in range(20):
        kinds.present_data(kind, make_request(kinds, number).data)


def test_it_prints_what_it_promises() -> None:
    figures = measure(docs=4, rounds=1, rivals=2, only=["limit", "service", "ours"])
    assert figures.missing == {}
    assert figures.service_docs_per_s > 0
    assert figures.docs_per_s > 0
    assert figures.share_of_limit > 0
    assert figures.blt_share_of_limit == -1  # that line did not run
    assert figures.limit_docs_per_s > 0
    assert 0 < figures.sign_only_share_of_rsa < 1
    assert figures.rss_first_mb > 20
    assert figures.naive_docs_per_s == -1
