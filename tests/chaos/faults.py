"""The disasters: what is done to a running service, by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from tests.chaos.scene import Scene
from tests.chaos.stock import SHEET, STAGES

_LONGEST = 12.0
_DAY = timedelta(days=1)
# In which processes a point lies, how often it may be reached at most before it strikes, and from which stages it is
# reached at all.
_ANY, _LATE = STAGES, ("ready",)
_EARLY = ("drafted", "parafed")
_REACHED: Mapping[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "db.before_commit": (("batch#0", "people", "worker"), 25, _ANY),
    "db.after_commit": (("batch#0", "people", "worker"), 25, _ANY),
    "store.before_write": (("batch#0", "batch#0", "people"), 4, _ANY),
    "store.half_written": (("batch#0", "batch#0", "people"), 4, _ANY),
    "store.before_rename": (("batch#0", "batch#0", "people"), 4, _ANY),
    "store.after_rename": (("batch#0", "batch#0", "people"), 4, _ANY),
    "tsa.before_call": (("host", "people"), 3, _LATE),
    "tsa.after_call": (("host", "people"), 3, _LATE),
    "numbers.taken": (("batch#0", "people"), 1, ("parafed",)),
    "freeze.leased": (("batch#0",), 2, _EARLY),
    "freeze.stored": (("batch#0",), 7, _EARLY),
    "signing.claimed": (("people",), 2, _LATE),
    "signing.produced": (("people",), 2, _LATE),
    "signing.kept": (("people",), 2, _LATE),
    "signing.before_finalise": (("people",), 2, _LATE),
    "chunk.claimed": (("batch#0",), 2, _ANY),
    "chunk.before_host": (("batch#0",), 2, _ANY),
    "chunk.after_host": (("batch#0",), 2, _ANY),
    "chunk.proven": (("batch#0",), 2, _ANY),
    "chunk.recorded": (("batch#0",), 2, _ANY),
    "key.reserved": (("people",), 2, _LATE),
    "batch.key_handed_over": (("people",), 1, _LATE),
    "batch.before_complete": (("batch#0",), 4, _ANY),
    "host.opened": (("host",), 1, _LATE),
    "host.before_sign": (("host",), 3, _LATE),
    "host.after_sign": (("host",), 3, _LATE),
    "outbox.delivered": (("worker",), 5, _ANY),
    "remote.before_call": (("host", "people"), 2, _LATE),
    "remote.after_call": (("host", "people"), 6, _LATE),
    "s3.before_put": (("batch#0",), 8, (SHEET,)),
    "s3.after_put": (("batch#0",), 8, (SHEET,)),
}
# Where a worker is when the year ends: after numbers were taken, between layouts, between signatures.
_BETWEEN = ("", "numbers.taken:1", "freeze.leased:2", "freeze.stored:4", "chunk.recorded:1", "chunk.recorded:2")


@dataclass(frozen=True)
class Fault:
    """A disaster. ``needs``: postgres, s3, redis, csc, disk, whole, or nothing; ``stages`` it makes sense from."""

    name: str
    strike: Callable[[Scene], None]
    stages: tuple[str, ...] = STAGES
    needs: str = ""
    level: str = ""


def _at_point(point: str, action: str, scene: Scene) -> None:
    """A process ends (or its disk is full) at a point, the n-th time it comes there."""
    processes, most, _ = _REACHED[point]
    name, count = scene.rng.choice(processes), scene.rng.randint(1, most)
    if name.startswith("batch"):  # whichever of the two comes first
        armed = {f"batch#{number}": f"{point}:{count}:{action}" for number in range(2)}
    else:
        armed = {name: f"{point}:{count}:{action}"}
    scene.notes.append(f"{name} {point}:{count}:{action}")
    scene.start_all(armed)
    if action == "full":
        scene.pass_time(scene.rng.uniform(0.5, 2.5), lambda: scene.is_over)
        return
    revive = scene.rng.random() < 0.5
    scene.pass_time(_LONGEST, lambda: bool(scene.died) or scene.is_over, revive=False)
    scene.pass_time(scene.rng.uniform(0, 1), lambda: scene.is_over, revive=revive)


def _at_point_of_a_chunk(point: str, scene: Scene) -> None:
    """A worker ends in the middle of a chunk, and the other takes its rows while the signer's act is still valid."""
    _at_point(point, "kill", scene)
    if scene.died:
        scene.shift(scene.span + timedelta(seconds=70))
    for name in ("batch#0", "batch#1"):
        if name not in scene.running:
            scene.start(name)
    scene.pass_time(scene.rng.uniform(1, 4), lambda: scene.is_over)


def _kill_at_random(names: tuple[str, ...], scene: Scene) -> None:
    """SIGKILL at any moment, up to three times."""
    scene.start_all()
    for _ in range(scene.rng.randint(1, 3)):
        scene.pass_time(scene.rng.uniform(0.02, 1.2), lambda: scene.is_over)
        scene.kill(scene.rng.choice(names))
        if scene.rng.random() < 0.6:
            scene.pass_time(0.03)
            for name in names:
                if name not in scene.running:
                    scene.start(name)


def _kill_all(scene: Scene) -> None:
    """The machine loses its power (its disks keep what was synced)."""
    scene.start_all()
    scene.pass_time(scene.rng.uniform(0.1, 2.5), lambda: scene.is_over)
    for name in list(scene.running):
        scene.kill(name)


def _set_clock(scene: Scene) -> None:
    """A clock jumps by a day, of all processes or of one, and perhaps back."""
    scene.start_all()
    scene.pass_time(scene.rng.uniform(0, 0.8), lambda: scene.is_over)
    role = scene.rng.choice(("", "host", "batch", "worker", "web"))
    span = scene.rng.choice((_DAY, -_DAY))
    scene.notes.append(f"clock of {role or 'all'} {span.total_seconds():+.0f} s")
    scene.shift(span, role)
    scene.pass_time(scene.rng.uniform(0.2, 1.5), lambda: scene.is_over)
    if scene.rng.random() < 0.5:
        for name in list(scene.running):
            scene.kill(name)
    if role or span < timedelta() or scene.rng.random() < 0.5:  # one that was set back for good would be noticed
        scene.shift(timedelta(), role)


def _turn_of(month: int | None, scene: Scene) -> None:
    """Midnight at the end of the year, or of a month, when the work has come to some point: a worker ended there, or
    all go on."""
    midnight = _next_turn(datetime.now(UTC).astimezone(scene.settings.tzinfo), month)
    scene.shift(midnight - timedelta(minutes=2) - datetime.now(UTC))
    point = scene.rng.choice(_BETWEEN)
    scene.notes.append(f"{point or 'at any moment'} before {midnight:%Y-%m-%d}")
    scene.start_all({f"batch#{number}": f"{point}:kill" for number in range(2)} if point else {})
    longest = _LONGEST if point else scene.rng.uniform(0.3, 6)
    scene.pass_time(longest, lambda: bool(scene.died) or scene.is_over, revive=False)
    scene.shift(midnight - timedelta(seconds=scene.rng.uniform(0, 1)) - datetime.now(UTC))
    for name in ("batch#0", "batch#1"):
        if name not in scene.running:
            scene.start(name)
    scene.pass_time(scene.rng.uniform(1, 4), lambda: scene.is_over)


def _next_turn(now: datetime, month: int | None) -> datetime:
    """The next first day, of that month if one is given, at 00.00 where the province is."""
    day = date(now.year, now.month, 1)
    while day <= now.date() or month not in {None, day.month}:
        day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)


def _crowd(scene: Scene) -> None:
    """Fifty people click on the same at once, and there are more workers than work."""
    scene.start_all(people="crowd")
    for number in range(2, 5):
        scene.start(f"batch#{number}")
    scene.pass_time(_LONGEST, lambda: scene.is_over)


def _by_browser(point: str, scene: Scene) -> None:
    """The web server, or one thread's process in it, ends while forms are being posted to it."""
    count = scene.rng.randint(1, 3)
    scene.start("web", f"{point}:{count}:kill" if point else "")
    scene.pass_time(1.0)
    scene.start_all(people="browsers")
    for _ in range(2 if not point else 0):
        scene.pass_time(scene.rng.uniform(0.2, 2), lambda: scene.is_over)
        scene.kill("web")
        scene.start("web")
    scene.pass_time(scene.rng.uniform(1, 4), lambda: scene.is_over)


def _whole(scene: Scene) -> None:
    """``paraf run``: its supervisor starts anew what is killed."""
    scene.begin_whole()
    scene.start("people")
    for _ in range(scene.rng.randint(1, 3)):
        scene.pass_time(scene.rng.uniform(0.2, 1.5), lambda: scene.is_over)
        scene.kill_in_whole()
    scene.pass_time(scene.rng.uniform(0, 4), lambda: scene.is_over)


@dataclass(frozen=True)
class Surroundings:
    """What is shared by the rounds of a lane and misbehaves in some of them."""

    restart_database: Callable[[], None] = lambda: None
    spoil_line: Callable[[str, float], None] = lambda _fault, _share: None
    fill_disk: Callable[[int], None] = lambda _left: None
    give_room: Callable[[], None] = lambda: None
    spoil_broker: Callable[[str], None] = lambda _fault: None


def _restart_database(around: Surroundings, scene: Scene) -> None:
    scene.start_all()
    for _ in range(scene.rng.randint(1, 2)):
        scene.pass_time(scene.rng.uniform(0.1, 1.5), lambda: scene.is_over)
        around.restart_database()
    scene.pass_time(scene.rng.uniform(0, 2), lambda: scene.is_over)


def _spoil_broker(around: Surroundings, fault: str, scene: Scene) -> None:
    """All messages are gone; or the broker is, and comes back empty."""
    scene.start_all()
    for _ in range(scene.rng.randint(1, 3)):
        scene.pass_time(scene.rng.uniform(0.2, 2.5), lambda: scene.is_over)
        around.spoil_broker(fault)
        if scene.rng.random() < 0.3:
            scene.kill("batch#0")
    scene.pass_time(scene.rng.uniform(0, 3), lambda: scene.is_over)


def _spoil_line(around: Surroundings, fault: str, scene: Scene) -> None:
    scene.start_all()
    scene.pass_time(scene.rng.uniform(0, 1), lambda: scene.is_over)
    share = scene.rng.choice((0.15, 0.5, 1.0))
    scene.notes.append(f"{fault} for {share:.0%} of calls")
    around.spoil_line(fault, share)
    scene.pass_time(scene.rng.uniform(0.5, 3), lambda: scene.is_over)
    if scene.rng.random() < 0.5:
        for name in list(scene.running):
            scene.kill(name)
    around.spoil_line("", 0)


def _fill_disk(around: Surroundings, scene: Scene) -> None:
    """Nothing fits any more: neither files nor the database's own."""
    scene.start_all()
    scene.pass_time(scene.rng.uniform(0, 1), lambda: scene.is_over)
    left = scene.rng.choice((0, 8_192, 100_000, 400_000))
    scene.notes.append(f"{left} bytes left")
    around.fill_disk(left)
    scene.pass_time(scene.rng.uniform(0.5, 3), lambda: scene.is_over)
    if scene.rng.random() < 0.5:
        for name in list(scene.running):
            scene.kill(name)
    around.give_room()


def faults(around: Surroundings) -> tuple[Fault, ...]:
    """All of them, in a fixed order."""
    points = [Fault(f"kill at {name}", partial(_at_point, name, "kill"), stages,
                    needs={"s3": "s3", "remote": "csc"}.get(name.partition(".")[0], ""),
                    level="B-T" if name.startswith("tsa.") else "")
              for name, (_, _, stages) in _REACHED.items()]
    chunks = [Fault(f"worker dies at {name}", partial(_at_point_of_a_chunk, name), _LATE, level="B-T")
              for name in ("chunk.claimed", "chunk.before_host", "chunk.after_host", "chunk.proven")]
    full = [Fault(f"full disk at {name}", partial(_at_point, name, "full"))
            for name in ("store.before_write", "store.half_written")]
    kills = [Fault(f"kill {name}", partial(_kill_at_random, names)) for name, names in (
        ("web", ("people",)), ("workers", ("batch#0", "batch#1", "worker")), ("signing host", ("host",)),
        ("any", ("people", "batch#0", "batch#1", "worker", "host")))]
    again = [Fault("power lost", _kill_all), Fault("clock", _set_clock), Fault("crowd", _crowd),
             Fault("year end", partial(_turn_of, 1)), Fault("month end", partial(_turn_of, None))]
    web = [Fault(f"web server by HTTP: {point or 'kill'}", partial(_by_browser, point), _LATE) for point in (
        "", "signing.claimed", "signing.produced", "signing.kept", "signing.before_finalise", "db.before_commit")]
    leaning = [
        *(Fault(f"PostgreSQL: {name}", strike, needs="postgres") for name, strike in (
            ("restart", partial(_restart_database, around)), ("kill any", kills[-1].strike), ("crowd", _crowd))),
        *(Fault(f"S3: {fault}", partial(_spoil_line, around, fault), (SHEET,), needs="s3")
          for fault in ("503", "late", "cut", "gone")),
        *(Fault(f"Redis: {fault}", partial(_spoil_broker, around, fault), needs="redis")
          for fault in ("flushed", "restarted")),
        Fault("paraf run: kill children", _whole, needs="whole"),
        Fault("disk full", partial(_fill_disk, around), needs="disk")]
    return (*points, *chunks, *full, *kills, *again, *web, *leaning)


def second_strike(rng: random.Random) -> dict[str, str]:
    """While it is being cleared up: mostly nothing, else another process ends."""
    if rng.random() < 0.65:
        return {}
    point = rng.choice(("settle.found:1", f"db.after_commit:{rng.randint(1, 12)}",
                        f"db.before_commit:{rng.randint(1, 12)}", f"store.before_rename:{rng.randint(1, 4)}"))
    return {rng.choice(("worker", "batch#0", "batch#1")): f"{point}:kill"}
