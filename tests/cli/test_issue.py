"""``paraf issue`` and ``paraf batch`` as people type them: a sheet becomes signed decrees."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from svc.cage.port import SHEET_LIMITS
from svc.kinds import DECREES
from svc.seed.demo import DEMO_PASSWORD
from svc.seed.walk import DEMO_PASSPHRASE
from svc.sheets_read import read_sheet

pytestmark = pytest.mark.timeout(400)  # a dozen processes, each with the whole service in it
ROWS = 36  # a chunk of signing is 32: a pause that is asked for during the first leaves something over
CLERK, PARAFS, SIGNER = "analis", ("kasubbid", "kabid", "sekretaris"), "kepala"


@dataclass(frozen=True)
class Desk:
    """A folder of data with the demo's people, and files that hold what they type."""

    folder: Path

    def signed(self) -> int:
        """How many documents of batches are signed, as the database has it."""
        with closing(sqlite3.connect(self.folder / "var" / "paraf.db")) as database:
            (count,) = database.execute(
                "SELECT count(*) FROM decree WHERE batch_id IS NOT NULL AND signed_sha256 IS NOT NULL").fetchone()
        return int(count)

    def told(self, event_type: str) -> list[dict[str, object]]:
        """What the audit trail tells of all events of a type."""
        with closing(sqlite3.connect(self.folder / "var" / "paraf.db")) as database:
            return [json.loads(payload) for (payload,) in database.execute(
                "SELECT payload FROM audit_event WHERE type = ?", (event_type,))]

    def run(self, *arguments: str, by: str = CLERK, typed: str = "",
            at: str = "") -> subprocess.CompletedProcess[str]:
        """Run as this person; what he ``typed`` comes through standard input, in the place of the password. ``at`` is
        another address than the one that the folder was made with."""
        password = "-" if typed else str(self.secret("password", DEMO_PASSWORD))
        return subprocess.run(
            self.line(*arguments, "--by", by, "--password-file", password), input=typed,
            env={**self.environment(), **({"PARAF_BASE_URL": at} if at else {})},
            capture_output=True, text=True, timeout=110, check=False)

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "svc.cli", *arguments]

    def environment(self) -> Mapping[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
        return clean | {"PARAF_VAR_DIR": str(self.folder / "var"), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}

    def secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(f"{text}\n", "utf-8")
        path.chmod(0o600)
        return path

    def sheet(self, name: str, count: int, faults: Mapping[int, tuple[str, str]] | None = None) -> Path:
        """Rows of people who do not exist; ``faults`` are a column and what stands in it, by row."""
        with (DECREES / "kgb" / "example.csv").open(encoding="utf-8", newline="") as file:
            example = list(csv.DictReader(file))
        rows = []
        for number in range(1, count + 1):
            row = example[number % len(example)] | {
                "pegawai.nama": f"Contoh Pegawai {number}",
                "pegawai.nip": f"190001011981{number % 12 + 1:02d}1{number:03d}"}
            column, value = (faults or {}).get(number, ("pegawai.nama", row["pegawai.nama"]))
            rows.append(row | {column: value})
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("issue"))


@pytest.fixture(scope="module")
def batch_id(desk: Desk) -> str:
    """A batch that waits for its signer, made and initialled from the shell."""
    done = desk.run("issue", "kgb", str(desk.sheet("gaji.csv", ROWS)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Kepala Subbidang Kenaikan Gaji Berkala" in done.stdout  # for whom it waits
    found = re.search(r"^batch (\S+)  http://\S+/batches/\1$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    for username in PARAFS:
        done = desk.run("batch", "approve", found[1], by=username)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"ready_to_sign, {ROWS} live, 0 signed" in done.stdout
    return found[1]


def test_faulty_rows_are_named_and_nothing_is_made(desk: Desk) -> None:
    sheet = desk.sheet("buruk.csv", 4, {2: ("pegawai.nip", "123"), 4: ("pegawai.golongan", "IX/z")})
    mended = desk.folder / "bermasalah.xlsx"
    before = desk.run("batch", "list").stdout, desk.told("batch_created"), desk.told("sheet_uploaded")
    done = desk.run("issue", "kgb", str(sheet), "--dry-run", "--faulty", str(mended))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "faulty: 2 of 4 rows; nothing was made" in done.stdout
    table = read_sheet(mended.read_bytes(), SHEET_LIMITS)
    assert [[cell for cell in row.cells if cell.startswith("Contoh Pegawai ")] for row in table.rows] == [
        ["Contoh Pegawai 2"], ["Contoh Pegawai 4"]]
    assert (desk.run("batch", "list").stdout, desk.told("batch_created"), desk.told("sheet_uploaded")) == before


def test_a_dry_run_of_good_rows_leaves_nothing_and_without_it_a_faulty_sheet_leaves_no_draft(desk: Desk) -> None:
    good = desk.sheet("baik.csv", 3)
    before = desk.run("batch", "list").stdout, desk.told("batch_created")
    done = desk.run("issue", "kgb", str(good), "--dry-run")
    assert (done.returncode, "3 rows in baik.csv" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "no row is faulty; nothing was made" in done.stdout
    assert (desk.run("batch", "list").stdout, desk.told("batch_created")) == before
    done = desk.run("issue", "kgb", str(good), "--dry-run", "--keep-draft")
    assert (done.returncode, "--dry-run makes no draft" in done.stderr) == (2, True)
    done = desk.run("issue", "kgb", str(desk.sheet("buruk2.csv", 2, {2: ("pegawai.nip", "123")})))
    assert (done.returncode, "stays in the list as cancelled" in done.stdout) == (2, True), done.stdout
    assert {one.get("channel") for one in desk.told("batch_created")} == {"shell"}
    said = desk.run("batch", "list").stdout
    assert "cancelled" in said
    assert " draft " not in said


def test_reasons_are_told_in_english_and_written_in_the_language_of_who_asks(desk: Desk) -> None:
    sheet = desk.sheet("dua.csv", 2, {2: ("pegawai.nip", "190001011981021001")})
    mended = desk.folder / "dua.xlsx"
    done = desk.run("issue", "kgb", str(sheet), "--dry-run", "--faulty", str(mended))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "This NIP already stands in row 1." in done.stdout
    assert "NIP ini sudah" in str(read_sheet(mended.read_bytes(), SHEET_LIMITS).rows)


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (("issue", "kgbb", "gaji.csv"), 2, "there are: "),
    (("issue", "kgb", "tidak-ada.csv"), 2, "tidak-ada.csv cannot be read: No such file or directory"),
    (("issue", "kgb", str(DECREES / "kgb" / "template.typ")), 1, "[invalid_input]"),
    (("batch", "exclude", "x", "1-", "--reason", "keliru"), 2, "write rows such as 3,7-12"),
], ids=["kind", "file", "no sheet", "rows"])
def test_what_cannot_be_done_is_told_in_a_line(desk: Desk, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = desk.run(*arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_acts_in_the_name_of_another(desk: Desk, batch_id: str) -> None:
    done = desk.run("batch", "approve", batch_id, by=SIGNER, typed="bukan-kata-sandi\n")
    assert (done.returncode, "[login_refused]" in done.stderr) == (1, True), done.stderr
    done = desk.run("batch", "sign", batch_id, "--passphrase-file", str(desk.secret("tte", DEMO_PASSPHRASE)), by=CLERK)
    assert (done.returncode, "[forbidden]" in done.stderr) == (1, True), done.stderr
    open_file = desk.secret("terbaca", DEMO_PASSPHRASE)
    open_file.chmod(0o644)
    done = desk.run("batch", "sign", batch_id, "--passphrase-file", str(open_file), by=SIGNER)
    assert (done.returncode, "can be read by others" in done.stderr) == (1, True), done.stderr


def test_a_failed_row_is_done_again_and_then_nothing_is_left_to_do_again(desk: Desk, batch_id: str) -> None:
    with closing(sqlite3.connect(desk.folder / "var" / "paraf.db")) as database, database:
        database.execute("UPDATE batch_row SET state = 'failed', failed_work = 'freeze', error_code = "
                         "'storage_unavailable' WHERE row_no = 2 AND batch_id = "
                         "(SELECT id FROM batch WHERE public_id = ?)", (batch_id,))
    stranger = desk.run("batch", "retry", batch_id, by=PARAFS[0])
    assert (stranger.returncode, "[forbidden]" in stranger.stderr) == (1, True), stranger.stderr
    done = desk.run("batch", "retry", batch_id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ready_to_sign, {ROWS} live, 0 signed" in done.stdout
    again = desk.run("batch", "retry", batch_id)
    assert (again.returncode, "[nothing_to_retry]" in again.stderr) == (1, True), again.stderr


def test_a_list_is_signed_with_a_pause_between(desk: Desk, batch_id: str) -> None:
    wrong = desk.run("batch", "sign", batch_id, "--passphrase-file", "-", by=SIGNER,
                     typed=f"{DEMO_PASSWORD}\nbukan-kata-sandi-tte\n")
    assert (wrong.returncode, "[step_up_failed]" in wrong.stderr, "4" in wrong.stderr) == (1, True, True), wrong.stderr
    assert f"You sign {ROWS} documents as " in wrong.stdout

    first = paused_after_a_chunk(desk, batch_id)
    assert "paused; what is signed stays signed" in first
    assert "32 of 36 documents are signed" in first

    rest = signed_at_a_terminal(desk, batch_id)
    assert "authorised 4 documents" in rest
    assert "36 of 36 documents are signed, 0 failed" in rest
    assert DEMO_PASSPHRASE not in rest
    assert DEMO_PASSWORD not in rest

    bundle = desk.folder / "semua.zip"
    strange = desk.run("batch", "zip", batch_id, "-o", str(bundle), at="http://127.0.0.1:8137")
    assert strange.returncode == 1
    assert "served at http://127.0.0.1:8000, but PARAF_BASE_URL is http://127.0.0.1:8137" in strange.stderr
    assert not bundle.exists()
    done = desk.run("batch", "zip", batch_id, "-o", str(bundle), "--other-address", at="http://127.0.0.1:8137")
    assert (done.returncode, "WARNING" in done.stderr) == (0, True), done.stderr
    with zipfile.ZipFile(bundle) as archive:
        listed = list(csv.DictReader(archive.read("daftar.csv").decode("utf-8-sig").splitlines()))
        assert all(row["verifikasi"].startswith("http://127.0.0.1:8000/v/") for row in listed), "as the QR codes say"
        names = [name for name in archive.namelist() if name.endswith(".pdf")]
        archive.extractall(desk.folder / "semua")
    assert len(names) == ROWS
    report = desk.folder / "tanda-terima.pdf"
    done = desk.run("batch", "receipt", batch_id, "-o", str(report))
    assert (done.returncode, report.read_bytes()[:5]) == (0, b"%PDF-"), done.stderr
    judged_by_pdfsig([*(desk.folder / "semua" / name for name in names[::9]), report])


def paused_after_a_chunk(desk: Desk, batch_id: str) -> str:
    """Press Ctrl-C when the first documents are signed; returns what was said."""
    process = subprocess.Popen(
        desk.line("batch", "sign", batch_id, "--by", SIGNER, "--password-file",
                  str(desk.secret("password", DEMO_PASSWORD)), "--passphrase-file",
                  str(desk.secret("tte", DEMO_PASSPHRASE))),
        env={**desk.environment(), "PARAF_FAILPOINT": "chunk.recorded:1:sleep=4"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 60
    while desk.signed() == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    return said


def signed_at_a_terminal(desk: Desk, batch_id: str) -> str:
    """Type password and passphrase as a person does; returns everything that the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(desk.line("batch", "sign", batch_id, "--by", SIGNER), env=desk.environment(),
                               stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    said = "".join(typed_when_asked(ours, {f"Password of {SIGNER}: ": DEMO_PASSWORD,
                                           f"passphrase or PIN of {SIGNER}: ": DEMO_PASSPHRASE}))
    os.close(ours)
    assert process.wait(60) == 0, said
    return said


def typed_when_asked(terminal: int, answers: Mapping[str, str]) -> Iterator[str]:
    said, open_questions = "", dict(answers)
    while True:
        try:
            piece = os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:  # the other side has gone
            return
        if not piece:
            return
        said += piece
        yield piece
        for question in [one for one in open_questions if one in said]:
            os.write(terminal, f"{open_questions.pop(question)}\n".encode())


def judged_by_pdfsig(files: list[Path]) -> None:
    if shutil.which("pdfsig") is None:
        return
    for path in files:
        said = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False).stdout
        assert "Signature is Valid." in said, path
        assert "Total document signed" in said, path
