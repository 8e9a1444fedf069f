"""What must be true after any disaster, read from tables and files alone.

No code of the service is used but the validation that also judges files of strangers: what the service believes of
itself is not asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pypdfium2
from sqlalchemy import Connection, create_engine, text

from certs.trust import TrustStore
from certs.validation import Report, validate_pdf

_SIGNED = {"signed", "issued"}
_NUMBERED = {"ready_to_sign", "signing", *_SIGNED}
_OBJECT = re.compile(r"decrees/([^/]+)/(\w+)/([0-9a-f]{64})\.pdf")
_RETRIED = {"prepare", "approve", "freeze", "sign", "exclude", "dissolve"}
_OPEN_ATTEMPTS = {"claimed", "produced", "unknown"}
_MONTHS = ("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober",
           "November", "Desember")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")


@dataclass(frozen=True)
class Finding:
    """One thing that must not be. ``kind`` is a short name of the sort of loss."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Objects(Protocol):
    """The files, as whoever keeps them shows them."""

    def names(self) -> Sequence[str]: ...

    def read(self, name: str) -> bytes: ...


class Folder:
    """Files of a local store; those under way or left behind by a crash lie in ``.put`` and are nobody's."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        return sorted(path.relative_to(self._root).as_posix() for path in self._root.rglob("*")
                      if path.is_file() and path.parent.name != ".put")

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


@dataclass(frozen=True)
class Evidence:
    """All tables that are looked at, each a list of rows, and all files by name."""

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    files: Mapping[str, bytes]

    def by(self, table: str, column: str) -> dict[Any, list[Mapping[str, Any]]]:
        """Rows of a table by a column's value."""
        found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.tables[table]:
            found[row[column]].append(row)
        return found


_TABLES = ("register", "register_entry", "decree", "batch", "batch_row", "signing_attempt", "signature", "stored_file",
           "audit_event", "audit_stream", "task", "paraf", "outbox_message", "preservation", "authorised_document",
           "signing_authorisation")


def gather(database_url: str, objects: Objects) -> Evidence:
    """Read everything once. A file that is gone between listing and reading counts as missing."""
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            tables = {name: _rows(connection, name) for name in _TABLES}
    finally:
        engine.dispose()
    return Evidence(tables, {name: objects.read(name) for name in objects.names()})


Verdict = Callable[[bytes], Report]


def strict(trust: TrustStore, now: datetime) -> Verdict:
    """The validation that judges files of strangers; the same bytes are looked at once."""
    known: dict[bytes, Report] = {}

    def verdict(pdf: bytes) -> Report:
        key = hashlib.sha256(pdf).digest()
        if key not in known:
            known[key] = validate_pdf(pdf, trust, now)
        return known[key]

    return verdict


def judge(evidence: Evidence, verdict: Verdict) -> list[Finding]:
    """All that is lost, doubled, torn or half done."""
    return [*numbers(evidence), *papers(evidence), *stuck(evidence), *endings(evidence), *closed(evidence),
            *files(evidence), *signatures(evidence, verdict), *chains(evidence), *routes(evidence)]


def numbers(evidence: Evidence) -> Iterator[Finding]:
    """Every register is without gap and without double; every numbered decree has just the number it shows."""
    entries = evidence.by("register_entry", "register_id")
    for register in evidence.tables["register"]:
        taken = Counter(entry["seq"] for entry in entries[register["id"]])
        where = f"{register['book']} {register['year']}"
        for seq, count in taken.items():
            if count > 1:
                yield Finding("number_twice", f"{where}: {seq}")
        for seq in sorted(set(range(1, max(taken, default=0) + 1)) - set(taken)):
            yield Finding("number_missing", f"{where}: {seq}")
        if taken and register["next_seq"] != max(taken) + 1:
            yield Finding("number_missing", f"{where}: the next would be {register['next_seq']}")
    live = [entry for entry in evidence.tables["register_entry"] if entry["state"] != "void"]
    for name, count in Counter(entry["formatted"] for entry in live).items():
        if count > 1:
            yield Finding("number_twice", name)
    held: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in live:
        held[entry["decree_id"]].append(entry)
    for decree in evidence.tables["decree"]:
        if decree["status"] not in _NUMBERED:
            continue
        mine = held[decree["id"]]
        if [entry["formatted"] for entry in mine] != [decree["number"]]:
            yield Finding("number_missing", f"decree {decree['id']} shows {decree['number']}")
        elif (mine[0]["state"] == "used") != (decree["status"] in _SIGNED):
            yield Finding("number_state", f"decree {decree['id']} is {decree['status']}, {mine[0]['state']}")


def papers(evidence: Evidence) -> Iterator[Finding]:
    """What a document prints is what the tables say: the number that its register has for it, and the date; and the
    number is of the year and month of that date, and used by nothing but what is signed."""
    stored = evidence.by("stored_file", "decree_id")
    years = {row["id"]: row["year"] for row in evidence.tables["register"]}
    entries = {row["decree_id"]: row for row in evidence.tables["register_entry"] if row["state"] != "void"}
    for decree in evidence.tables["decree"]:
        entry, sha256 = entries.get(decree["id"]), decree["signed_sha256"] or decree["frozen_sha256"]
        if entry is not None and entry["state"] == "used" and decree["status"] not in _SIGNED:
            yield Finding("number_state", f"decree {decree['id']} is {decree['status']}, its number used")
        names = [row["object_key"] for row in stored[decree["id"]] if row["sha256"] == sha256]
        if decree["status"] not in _NUMBERED or entry is None or not names or names[0] not in evidence.files:
            continue  # found elsewhere
        said, printed, day = entry["formatted"], _text_of(evidence.files[names[0]]), str(decree["issued_on"])[:10]
        if said.replace(" ", "") not in printed:
            yield Finding("number_printed", f"decree {decree['id']}: {said} stands in the register, not on it")
        year, month, day_of_month = (int(part) for part in day.split("-"))
        if f"{day_of_month}{_MONTHS[month - 1]}{year}" not in printed:
            yield Finding("date_printed", f"decree {decree['id']}: {day} does not stand on it")
        stated = set(said.split("/")) & set(_ROMAN)
        if years[entry["register_id"]] != year or str(year) not in said or not stated <= {_ROMAN[month - 1]}:
            yield Finding("number_dated", f"decree {decree['id']}: {said} of {day}")


def _text_of(pdf: bytes) -> str:
    """All that is printed, without blanks."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document)
    finally:
        document.close()


def stuck(evidence: Evidence) -> Iterator[Finding]:
    """Nothing waits for a process that is gone."""
    for row in evidence.tables["signing_attempt"]:
        if row["state"] in _OPEN_ATTEMPTS:
            yield Finding("stuck_attempt", f"{row['public_id']} is {row['state']}")
    for row in evidence.tables["batch_row"]:
        if row["pending"] or row["lease"] is not None:
            yield Finding("stuck_row", f"batch {row['batch_id']} row {row['row_no']}")
    for row in evidence.tables["batch"]:
        if row["work"] or row["status"] not in {"finished", "cancelled"}:
            yield Finding("stuck_batch", f"{row['id']} is {row['status']} work={row['work']} stop={row['stop_code']}")
    for row in evidence.tables["decree"]:
        if row["status"] == "signing":
            yield Finding("stuck_decree", str(row["id"]))
    for row in evidence.tables["outbox_message"]:
        if row["state"] == "dead":
            yield Finding("stuck_message", f"{row['id']} {row['last_error']}")
    for row in evidence.tables["preservation"]:
        if row["state"] == "stuck":
            yield Finding("stuck_preservation", f"decree {row['decree_id']}: {row['last_error']}")


def endings(evidence: Evidence) -> Iterator[Finding]:
    """Every row of a batch ended in exactly one way: sent out, taken out, or failed with a reason."""
    decrees = {row["id"]: row for row in evidence.tables["decree"]}
    for row in evidence.tables["batch_row"]:
        decree = decrees.get(row["decree_id"])
        status = decree["status"] if decree is not None else ""
        is_out = row["state"] == "live" and status == "issued"
        is_excluded = row["state"] == "excluded" and status == "draft"
        # A document that waits for its signature in a row that failed can be tried again, by drafter and signer.
        has_failed = (row["state"] == "failed" and bool(row["error_code"]) and row["failed_work"] in _RETRIED
                      and status not in {*_SIGNED, "signing"})
        if not (is_out or is_excluded or has_failed):
            yield Finding("row_undecided", f"batch {row['batch_id']} row {row['row_no']}: {row['state']}, {status}")


def closed(evidence: Evidence) -> Iterator[Finding]:
    """What is over is over: nothing of it is under way, waits for a signature that nobody can give, or is signed and
    was not sent out though its drafter wanted that."""
    decrees = {row["id"]: row for row in evidence.tables["decree"]}
    over = {row["id"]: row for row in evidence.tables["batch"] if row["status"] in {"finished", "cancelled"}}
    for batch in over.values():
        if batch["work"] or batch["stop_code"] or batch["paused_at"] is not None:
            yield Finding("closed_unfinished", f"batch {batch['id']}: {batch['work']} {batch['stop_code']}")
    for row in evidence.tables["batch_row"]:
        decree = decrees.get(row["decree_id"])
        if row["batch_id"] not in over or decree is None:
            continue
        where = f"batch {row['batch_id']} row {row['row_no']}: {row['state']}, {decree['status']}"
        if row["pending"] or row["lease"] is not None or decree["status"] == "signing":
            yield Finding("closed_in_flight", where)
        if decree["status"] == "ready_to_sign" and row["state"] != "failed":
            yield Finding("closed_unsigned", where)
        if decree["status"] == "signed" and over[row["batch_id"]]["auto_issue"]:
            yield Finding("signed_not_issued", where)
        if row["state"] == "excluded" and decree["batch_id"] is not None:
            yield Finding("excluded_bound", where)


def files(evidence: Evidence) -> Iterator[Finding]:
    """Every file that a row names is there, whole; and every file holds what its name says."""
    for name, data in evidence.files.items():
        named = _OBJECT.fullmatch(name)
        if name.startswith("decrees/") and named is None:
            yield Finding("file_misnamed", name)
        if named is not None and named[3] != hashlib.sha256(data).hexdigest():
            yield Finding("file_torn", name)
    for row in evidence.tables["stored_file"]:
        stored = evidence.files.get(row["object_key"])
        if stored is None:
            yield Finding("file_missing", row["object_key"])
        elif (len(stored), hashlib.sha256(stored).hexdigest()) != (row["size"], row["sha256"]):
            yield Finding("file_torn", row["object_key"])


def signatures(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    """What is shown as signed verifies, bears one signature, and was recorded once; nothing else is signed."""
    attempts, made = evidence.by("signing_attempt", "decree_id"), evidence.by("signature", "decree_id")
    stored = evidence.by("stored_file", "decree_id")
    covered = Counter((row["authorisation_id"], row["sha256"]) for row in evidence.tables["authorised_document"])
    yield from (Finding("authorised_twice", str(key)) for key, count in covered.items() if count > 1)
    for decree in evidence.tables["decree"]:
        done = [one for one in attempts[decree["id"]] if one["state"] == "done"]
        recorded = (len(done), len(made[decree["id"]]))
        if decree["status"] not in _SIGNED:
            if recorded != (0, 0) or decree["signed_sha256"] is not None:
                yield Finding("signature_unshown", f"decree {decree['id']} is {decree['status']}")
            continue
        if recorded != (1, 1):
            yield Finding("signature_count", f"decree {decree['id']}: attempts, signatures {recorded}")
            continue
        rows = {row["sha256"]: row for row in stored[decree["id"]] if row["purpose"] == "signed"}
        row = rows.get(decree["signed_sha256"])
        signed = evidence.files.get(row["object_key"]) if row is not None else None
        if signed is None:
            yield Finding("signed_missing", f"decree {decree['id']}")
            continue
        yield from _verdict(evidence, decree, done[0], made[decree["id"]][0], signed, verdict)
        yield from _strays(evidence, decree, made[decree["id"]][0], rows)


def _verdict(evidence: Evidence, decree: Mapping[str, Any], attempt: Mapping[str, Any], made: Mapping[str, Any],
             signed: bytes, verdict: Verdict) -> Iterator[Finding]:
    frozen = [row for row in evidence.tables["stored_file"]
              if row["decree_id"] == decree["id"] and row["sha256"] == attempt["sha256"]]
    original = evidence.files.get(frozen[0]["object_key"], b"") if frozen else b""
    if not original or not signed.startswith(original):
        yield Finding("signed_not_frozen", f"decree {decree['id']}")
    report = verdict(signed)
    if not report.passed:
        yield Finding("signed_invalid", f"decree {decree['id']}: {report.sub_indication} {report.explanation}")
    if [one.serial for one in report.signatures] != [made["certificate_serial"]]:
        yield Finding("signature_count", f"decree {decree['id']}: the file bears {len(report.signatures)}")


def _strays(evidence: Evidence, decree: Mapping[str, Any], made: Mapping[str, Any],
            rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Signed files of the decree that no row names; one with more proof of the same signature is no second one."""
    first = rows.get(made["signed_sha256"])
    ours = evidence.files.get(first["object_key"], b"?") if first is not None else b"?"
    prefix = f"decrees/{decree['public_id']}/signed/"
    known = {row["object_key"] for row in rows.values()}
    for name, data in evidence.files.items():
        if name.startswith(prefix) and name not in known and not data.startswith(ours):
            yield Finding("signed_twice", name)


def chains(evidence: Evidence) -> Iterator[Finding]:
    """Every chain of events is whole, ends where its head says, and tells of one signature."""
    streams = evidence.by("audit_event", "stream")
    heads = {row["name"]: (row["seq"], row["head"]) for row in evidence.tables["audit_stream"]}
    heads |= {f"decree:{row['public_id']}": (row["audit_seq"], row["audit_head"]) for row in evidence.tables["decree"]}
    for stream in sorted({*streams, *heads}):
        before, events = None, sorted(streams[stream], key=lambda row: int(row["seq"]))
        for place, event in enumerate(events, start=1):
            if event["seq"] != place or event["prev_hash"] != before or event["hash"] != _hash(event):
                yield Finding("chain_broken", f"{stream} at {event['seq']}")
                break
            before = event["hash"]
        if heads.get(stream) != (len(events), before):
            yield Finding("chain_cut", f"{stream}: {len(events)} events, head says {heads.get(stream)}")
    for decree in evidence.tables["decree"]:
        told = sum(event["type"] == "signed" for event in streams[f"decree:{decree['public_id']}"])
        if told != (decree["status"] in _SIGNED):
            yield Finding("signature_count", f"decree {decree['id']}: its events tell of {told}")


def routes(evidence: Evidence) -> Iterator[Finding]:
    """At most one task is open, none on what is sent out; every step was initialled once."""
    for decree_id, tasks in evidence.by("task", "decree_id").items():
        is_open = sum(task["status"] == "open" for task in tasks)
        status = next(row["status"] for row in evidence.tables["decree"] if row["id"] == decree_id)
        if is_open > 1 or (is_open and status == "issued"):
            yield Finding("task_open", f"decree {decree_id} has {is_open}")
    given = Counter((row["decree_id"], row["version_no"], row["step_id"]) for row in evidence.tables["paraf"]
                    if row["voided_at"] is None)
    yield from (Finding("paraf_twice", str(key)) for key, count in given.items() if count > 1)


def _hash(event: Mapping[str, Any]) -> str:
    said = {name: event[name] for name in ("stream", "seq", "type", "actor_id", "actor_name", "actor_capacity")}
    body = said | {"at": _moment(event["at"]), "payload": _json(event["payload"]), "prev": event["prev_hash"]}
    return hashlib.sha256(json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _moment(value: Any) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return str(moment.isoformat(timespec="microseconds"))


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _rows(connection: Connection, table: str) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).mappings()]  # noqa: S608
