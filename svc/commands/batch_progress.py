"""Working through a batch in sight of somebody: a bar for each work, and Ctrl-C that is heeded between two chunks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from svc.actors import Actor
from svc.commands.shell import in_english
from svc.deps import Deps, with_own_signing_host
from svc.ports import SigningHostDown
from svc.services.batches import page, work
from svc.services.batches.page import BatchView, Speed

WORKS: Final = {
    "check": "checking rows", "prepare": "making decrees", "approve": "recording the initials",
    "freeze": "laying out", "sign": "signing", "issue": "sending out", "exclude": "taking rows out",
    "dissolve": "giving back",
}
_IDLE_SECONDS: Final = 0.2
_WATCH_SECONDS: Final = 1.0


@contextmanager
def heeding_interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM become a wish that is heeded between two chunks; said a second time, they end at once."""
    asked = threading.Event()

    def note(_number: int, _frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = [(number, signal.signal(number, note)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield asked
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def work_through(deps: Deps, actor: Actor, batch_id: str, out: Console, asked: threading.Event, *,
                 signs: bool = False) -> Speed:
    """Do what the batch has to do now and show how far it is, until it is done, stops, or ``asked`` is set.

    Workers that run elsewhere do their part: chunks are nobody's before they are begun. Signing is left alone unless
    the caller ``signs``: only who reaches the key may take documents up. :raises AppError: a chunk fails
    """
    with _Bars(out) as bars:
        while True:
            speed = page.speed_of(deps, actor, batch_id)
            bars.show(speed)
            if is_over(speed) or asked.is_set() or (speed.work == "sign" and not signs):
                return speed
            if not work.run_chunk(deps, batch_id, speed.work):
                asked.wait(_IDLE_SECONDS)  # others are at what is left


def watch(deps: Deps, actor: Actor, batch_id: str, out: Console, asked: threading.Event) -> Speed:
    """Follow a batch to its end, working on it whenever there is work, while people elsewhere initial and sign."""
    said = ""
    with _Bars(out) as bars:
        while True:
            speed = page.speed_of(deps, actor, batch_id)
            bars.show(speed)
            if speed.status in {"finished", "cancelled"} or asked.is_set():
                return speed
            if not is_over(speed) and speed.work != "sign" and work.run_chunk(deps, batch_id, speed.work):
                continue
            words = waits_for(page.load_batch(deps, actor, batch_id)) if not speed.work else said
            if words != said:
                out.print(f"waits for {words}" if words else "waits")
            said = words
            asked.wait(_WATCH_SECONDS)


def is_over(speed: Speed) -> bool:
    """Whether nothing is to be done now."""
    return not speed.work or bool(speed.stop_code) or speed.paused


def with_reachable_host(deps: Deps) -> Deps:
    """The same where a signing host answers; while none runs on this machine, keys stay in this process.

    Another machine's signing host is never replaced: its workers could not reach a key that is held here.
    """
    if deps.settings.signing_host != "unix:":
        return deps
    try:
        deps.signing_host.is_open("")
    except SigningHostDown:
        return with_own_signing_host(deps)
    return deps


def waits_for(view: BatchView) -> str:
    """For whom the batch waits, in a few words; empty where it waits for nobody."""
    step = next((one for one in view.steps if one.state == "current" and one.position_title), None)
    return f"{in_english(step.title)}: {step.position_title}" if step is not None else ""


@dataclass
class _Shown:
    work: str
    task: TaskID


class _Bars:
    """One line for each work; the last of them moves."""

    def __init__(self, out: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"),
            console=out)
        self._shown: _Shown | None = None

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, speed: Speed) -> None:
        """Move the bar, or end it and begin that of the next work."""
        if self._shown is not None and self._shown.work != speed.work:
            self._end(self._shown)
            self._shown = None
        if not speed.work:
            return
        if self._shown is None:
            task = self._progress.add_task(WORKS.get(speed.work, speed.work), total=speed.progress.total, more="")
            self._shown = _Shown(speed.work, task)
        self._progress.update(self._shown.task, completed=speed.progress.done, total=speed.progress.total,
                              more=_more(speed))

    def _end(self, shown: _Shown) -> None:
        task = next(one for one in self._progress.tasks if one.id == shown.task)
        self._progress.update(shown.task, completed=task.total, more="")


def _more(speed: Speed) -> str:
    words = [f"{speed.per_second:.1f}/s"] if speed.per_second else []
    if speed.seconds_left is not None:
        whole = round(speed.seconds_left)
        words.append(f"{whole // 60}:{whole % 60:02d} left")
    if speed.failed:
        words.append(f"{speed.failed} failed")
    return "  ".join(words)
