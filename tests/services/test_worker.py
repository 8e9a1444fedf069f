"""The worker: mails by a real SMTP server, retries, giving up, leases, periodic jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from certs.errors import TimestampUnavailable
from svc import worker
from svc.adapters.mailers import FolderMailer, SmtpMailer
from svc.deps import Deps, build_engine
from svc.health import check, check_recent
from svc.models import JobRun, Notice, OutboxMessage, Person
from svc.ports import Mail, MailFailed, StoreUnavailable
from svc.services.outbox import enqueue
from svc.settings import Settings
from svc.worker import run_once, run_worker
from tests.support.clock import FrozenClock
from tests.support.mail import KeepingMailer
from tests.support.redis import redis_server
from tests.support.s3 import ServerMissing, free_port
from tests.support.statements import counted
from tests.support.world import World


class Mailbox:
    """An SMTP server's handler: keeps what comes, or answers as told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def by_smtp(deps: Deps, port: int) -> Deps:
    settings = Settings.from_env({"PARAF_MAIL": "smtp", "PARAF_SMTP_HOST": "127.0.0.1", "PARAF_SMTP_PORT": str(port),
                                  "PARAF_MAIL_FROM": "paraf@nusamandala.example"}, env_file=None)
    return replace(deps, mailer=SmtpMailer(settings))


def outbox(deps: Deps) -> list[OutboxMessage]:
    with deps.db.read_session() as session:
        return list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_a_notice_reaches_the_persons_mailbox(world: World, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    decree_id = world.walk("in_review")
    run_once(by_smtp(world.deps, port))
    (message,) = box.messages
    assert message["To"] == "kasubbid@nusamandala.example"
    assert message["Subject"].strip().startswith("Menunggu Anda: Kenaikan Gaji Berkala")
    body = message.get_body(("plain",)).get_content()
    assert f"/decrees/{decree_id}" in body
    assert [row.state for row in outbox(world.deps)] == ["done"]


def test_it_is_written_in_the_persons_language(world: World, mailer: KeepingMailer) -> None:
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Person).where(Person.username == "kasubbid")).one().locale = "en"
    world.walk("in_review")
    run_once(world.deps)
    assert mailer.sent[0].subject.startswith("Waiting for you: ")


def test_a_passing_fault_is_tried_again_later_with_the_same_message_id(
    world: World, mailbox: tuple[Mailbox, int], clock: FrozenClock
) -> None:
    box, port = mailbox
    deps = by_smtp(world.deps, port)
    world.walk("in_review")
    box.answer = "451 try later"
    run_once(deps)
    (row,) = outbox(deps)
    assert (row.state, row.attempts) == ("waiting", 1)
    box.answer = "250 OK"
    run_once(deps)
    assert box.messages == []  # not before its time
    clock.advance(minutes=2)
    run_once(deps)
    assert len(box.messages) == 1
    with deps.db.read_session() as session:
        notice = session.scalars(select(Notice)).one()
    assert notice.public_id in box.messages[0]["Message-ID"]


def test_a_refusal_for_good_ends_it_and_administrators_are_told(world: World, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    deps = by_smtp(world.deps, port)
    world.walk("in_review")
    box.answer = "550 no such mailbox"
    run_once(deps)
    assert [row.state for row in outbox(deps)] == ["dead"]
    with deps.db.read_session() as session:
        told = session.scalars(select(Notice).where(Notice.person_id == world.actor("admin").person_id)).all()
    assert len(told) == 1


def test_it_gives_up_after_eight_attempts(world: World, mailer: KeepingMailer, clock: FrozenClock) -> None:
    world.walk("in_review")
    mailer.failure = MailFailed("down", is_permanent=False)
    for _ in range(10):
        run_once(world.deps)
        clock.advance(hours=3)
    row = outbox(world.deps)[0]
    assert (row.state, row.attempts, row.last_error) == ("dead", 8, "down")


def test_a_server_that_is_not_there_is_a_passing_fault() -> None:
    settings = Settings.from_env({"PARAF_MAIL": "smtp", "PARAF_SMTP_HOST": "127.0.0.1", "PARAF_SMTP_PORT": "9"},
                                 env_file=None)
    with pytest.raises(MailFailed) as caught:
        SmtpMailer(settings).send(Mail("<x@y>", "a@b.example", "s", "t"))
    assert not caught.value.is_permanent


def test_the_folder_mailer_writes_readable_mail(deps: Deps) -> None:
    folder = deps.settings.var_dir / "mail"
    FolderMailer(folder, "a@b.example").send(Mail("<notice-1@x>", "c@d.example", "Perihal é", "Isi", "<p>Isi</p>"))
    (path,) = folder.glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (message["Subject"], message["To"]) == ("Perihal é", "c@d.example")


def test_two_workers_do_not_deliver_twice(world: World, mailer: KeepingMailer) -> None:
    for _ in range(6):
        world.walk("in_review")
    threads = [threading.Thread(target=run_once, args=(world.deps,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mailer.sent) == 6
    assert len({mail.message_id for mail in mailer.sent}) == 6


def test_a_worker_that_died_at_it_is_followed_by_another(
    world: World, mailer: KeepingMailer, clock: FrozenClock
) -> None:
    world.walk("in_review")
    worker._lease_message(world.deps)  # took the message, then died
    run_once(world.deps)
    assert mailer.sent == []
    clock.advance(minutes=6)
    run_once(world.deps)
    assert len(mailer.sent) == 1


def test_an_unknown_kind_of_message_does_not_stop_the_others(world: World, mailer: KeepingMailer) -> None:
    with world.deps.db.unit_of_work() as session:
        enqueue(session, "from_the_future", {}, world.deps.clock.now())
    world.walk("in_review")
    run_once(world.deps)
    assert [row.state for row in outbox(world.deps)][:2] == ["dead", "done"]


def test_a_handler_that_breaks_unforeseen_stops_no_other(
    world: World, mailer: KeepingMailer, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_deps: Deps, _payload: object) -> None:
        raise TypeError("a bug, with somebody's name in its text")

    monkeypatch.setitem(worker.OUTBOX, "buggy", explode)
    with world.deps.db.unit_of_work() as session:
        enqueue(session, "buggy", {}, world.deps.clock.now())
    world.walk("in_review")
    run_once(world.deps)
    assert len(mailer.sent) == 1
    first = outbox(world.deps)[0]
    assert (first.state, first.attempts, first.last_error) == ("waiting", 1, "TypeError")


def test_a_worker_with_nothing_to_do_writes_nothing(world: World) -> None:
    run_once(world.deps)
    with counted(world.deps.db) as statements:
        run_once(world.deps)
    assert [text for text in statements if not text.startswith("SELECT")] == []
    assert len(statements) <= 4


def test_a_failed_job_is_tried_again_soon(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def fail_first(deps: Deps) -> None:
        ran.append(deps.clock.now())
        if len(ran) == 1:
            raise StoreUnavailable("down")

    daily = next(job for job in worker.PERIODIC if job.at_day_end)
    monkeypatch.setattr(worker, "PERIODIC", (replace(daily, run=fail_first),))
    run_once(world.deps)
    run_once(world.deps)
    assert len(ran) == 1  # not at once
    clock.advance(minutes=2)
    run_once(world.deps)
    clock.advance(minutes=2)
    run_once(world.deps)
    assert len(ran) == 2


def test_periodic_jobs_run_when_due_and_not_before(world: World, clock: FrozenClock) -> None:
    first = run_once(world.deps)
    assert first.periodic >= 3
    assert run_once(world.deps).periodic == 0
    clock.advance(minutes=1)
    assert run_once(world.deps).periodic == 3  # recovery, preservation and facts
    clock.advance(hours=1)
    assert run_once(world.deps).periodic == 6  # and checkpoint, sweep of the store and look for a higher level


def test_late_tasks_are_reminded_of_once_a_day(world: World, mailer: KeepingMailer, clock: FrozenClock) -> None:
    world.walk("in_review")
    run_once(world.deps)
    mailer.sent.clear()
    clock.advance(days=1)
    run_once(world.deps)
    run_once(world.deps)
    run_once(world.deps)
    assert [mail.subject for mail in mailer.sent] == ["1 naskah terlambat menunggu Anda"]


def test_a_job_that_fails_is_recorded_and_the_next_ones_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_deps: Deps) -> None:
        raise ValueError("broken on purpose")

    broken = replace(worker.PERIODIC[0], run=fail)
    monkeypatch.setattr(worker, "PERIODIC", (broken, *worker.PERIODIC[1:]))
    assert run_once(world.deps).periodic >= 3
    with world.deps.db.read_session() as session:
        row = session.scalars(select(JobRun).where(JobRun.name == f"job:{broken.name}")).one()
    assert row.last_error == "ValueError"


def test_the_loop_ends_when_told(world: World) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(world.deps, stop))
    thread.start()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_health_is_asked_once_in_two_seconds_however_many_ask(world: World, deps: Deps, clock: FrozenClock) -> None:
    first = check_recent(deps)
    run_once(deps)
    assert check_recent(deps) is first
    clock.advance(seconds=2)
    again = check_recent(deps)
    assert again.is_healthy
    assert not first.is_healthy
    assert check_recent(replace(deps)) is not again, "another service's answer is not ours"


class SlowTsa:
    """A time-stamp authority that takes its time; ``asked`` and ``answers`` are the test's hands on it."""

    def __init__(self) -> None:
        self.asked, self.answers = threading.Event(), threading.Event()

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        self.asked.set()
        self.answers.wait(20)
        raise TimestampUnavailable("slow")


def test_a_slow_authority_holds_up_one_that_asks_and_no_other(world: World, clock: FrozenClock) -> None:
    tsa = SlowTsa()
    deps = replace(world.deps, tsa=tsa)
    tsa.answers.set()
    before = check_recent(deps)
    tsa.answers.clear()
    tsa.asked.clear()
    clock.advance(seconds=3)
    thread = threading.Thread(target=check_recent, args=(deps,))
    thread.start()
    try:
        assert tsa.asked.wait(20)
        assert check_recent(deps) is before, "the last answer, while another asks"
    finally:
        tsa.answers.set()
        thread.join(20)
    assert check_recent(deps) is not before


def test_health_says_what_does_not_answer(world: World, clock: FrozenClock) -> None:
    before = check(world.deps)
    assert (before.queue.is_ok, before.queue.detail) == (False, "the worker is silent")
    assert not before.is_healthy
    run_once(world.deps)
    after = check(world.deps)
    assert after.is_healthy
    assert after.tsa.detail == "token given"
    clock.at += timedelta(minutes=5)
    assert not check(world.deps).queue.is_ok


def test_health_warns_two_years_before_the_own_authority_ends(world: World, clock: FrozenClock) -> None:
    end = world.deps.pki.issuing.certificate.not_valid_after_utc
    clock.at = end - timedelta(days=731)
    assert check(world.deps).pki.is_ok
    clock.at = end - timedelta(days=729)
    told = check(world.deps).pki
    assert not told.is_ok
    assert f"ends on {end:%Y-%m-%d}" in told.detail


@pytest.mark.redis
def test_health_says_how_the_broker_is(world: World, tmp_path: Path) -> None:
    assert check(world.deps).broker.detail == "none: batch workers look into the database"
    try:
        with redis_server(tmp_path) as url:
            engine = build_engine(Settings.from_env(
                {"PARAF_ENGINE": "celery", "PARAF_BROKER_URL": url}, env_file=None))
            deps = replace(world.deps, engine=engine)
            engine.nudge("nobody", "sign")
            up = check(deps).broker
        down = check(deps).broker
    except ServerMissing as missing:
        pytest.skip(f"missing: {missing}")
    assert (up.is_ok, up.detail.startswith("answers, ")) == (True, True)
    assert (down.is_ok, down.detail) == (False, "it does not answer: batches stand still")


def test_two_workers_keep_documents_provable_side_by_side(world: World, clock: FrozenClock,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def preserve(deps: Deps) -> None:
        ran.append("one")
        if len(ran) == 1:
            worker.run_once(deps)  # what a second worker does meanwhile

    shared = next(job for job in worker.PERIODIC if job.is_shared)
    monkeypatch.setattr(worker, "PERIODIC", (replace(shared, run=preserve),))
    worker.run_once(world.deps)
    assert len(ran) == 2
