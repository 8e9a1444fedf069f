"""Batches over Celery: messages that say only *look at this batch*, to any number of hosts.

A message carries a batch's id and the name of its work. Whoever takes it works on that batch for a moment and puts the
message back at the end of the line while there is more, so that batches share the workers fairly, whatever their size.
It falls away as soon as the batch has another work, which brought messages of its own. Nothing depends on a message:
one that is lost is sent again by the sweep of ``paraf worker``, one that comes twice finds less to do.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery, Task, bootsteps, signals
from celery.worker.request import Request
from kombu.exceptions import KombuError

from svc.alive import mark_alive
from svc.ports import EngineDown
from svc.settings import Settings

logger = logging.getLogger(__name__)

QUEUE = TASK = "paraf.batches"
_UNSEEN_SECONDS = 120  # Redis: after that a message of a worker that died is given to another
_CONNECT_SECONDS = 1.0
_SOCKET_SECONDS = 5.0
_PAUSE_SECONDS = 5.0
_WATCH_SECONDS = 2.0
_START_SECONDS = 60.0
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
Handler = Callable[[str, str], bool]


class CeleryEngine:
    """See the module's text. Messages are JSON, results are kept nowhere."""

    name = "celery"
    is_swept = True

    def __init__(self, settings: Settings) -> None:
        self._settings, self._copies = settings, settings.batch_parallelism
        self._app = _make_app(settings)
        self._faults = (KombuError, OSError, *self._app.connection().connection_errors)
        self._silent_until = 0.0
        self._handler: Handler | None = None

    def nudge(self, batch_id: str, work: str) -> None:
        """Send as many messages as workers may be at one batch. A broker that fails is logged, and left alone for
        some seconds, so that nobody waits for it again and again."""
        if time.monotonic() < self._silent_until:
            return
        try:
            for _ in range(self._copies):
                self._send(batch_id, work)
        except self._faults as error:
            self._silent_until = time.monotonic() + _PAUSE_SECONDS
            logger.warning("nudge lost: batch=%s error=%s", batch_id, type(error).__name__)

    def waiting(self) -> int:
        """Messages that no worker has taken yet. :raises EngineDown: the broker does not answer"""
        try:
            with self._app.connection_for_write() as connection:
                queue = self._app.amqp.queues[QUEUE](connection.default_channel)
                return int(queue.queue_declare().message_count)
        except self._faults as error:
            raise EngineDown from error

    def work(self, make_handler: Callable[[], Handler], processes: int) -> int:
        """Work until SIGTERM or SIGINT, in processes forked from this one; returns the exit code.

        :param make_handler: called in each of them: what does one message and says whether there is more to do. Where
            it fails all of them end, with the reason in the log and 1: whoever supervises them starts them anew
        """
        cannot_begin = multiprocessing.get_context("fork").Event()

        def begin(**_: object) -> None:
            try:
                self._handler = make_handler()
            except Exception:  # Celery would go on without a handler, and fail on each message
                logger.critical("batch worker cannot begin; it ends, and messages stay where they are", exc_info=True)
                if not cannot_begin.is_set():
                    cannot_begin.set()
                    os.kill(os.getppid(), signal.SIGTERM)
                raise SystemExit(1) from None

        self._app.task(self._chunk, name=TASK, shared=False, base=_Task)
        self._app.steps["consumer"].add(_Watch)
        self._app.conf.paraf_turn = self._turn
        signals.setup_logging.connect(_quieten)
        signals.worker_process_init.connect(begin, weak=False)
        worker = self._app.Worker(pool="prefork", concurrency=processes, without_gossip=True, without_mingle=True,
                                  quiet=True, loglevel="WARNING", hostname=f"batch-worker@{_host()}")
        worker.start()
        return 1 if cannot_begin.is_set() else int(worker.exitcode or 0)

    def _turn(self) -> None:
        """Now and then, in the consumer's loop. :raises ConnectionError: which ends its connection"""
        mark_alive(self._settings)
        if _lost.is_set():
            raise ConnectionError("a message could not be acknowledged")

    def _chunk(self, batch_id: str, work: str) -> None:
        if self._handler is None:
            raise RuntimeError("this process does not work through batches")
        if not self._handler(batch_id, work):
            return
        try:
            self._send(batch_id, work)
        except self._faults as error:
            logger.warning("nudge lost: batch=%s error=%s", batch_id, type(error).__name__)

    def _send(self, batch_id: str, work: str) -> None:
        self._app.send_task(TASK, (batch_id, work), retry=True, retry_policy=_RETRY)


class _Request(Request):  # type: ignore[misc]
    """A message that could not be acknowledged, since the broker went away meanwhile, is given up and noted."""

    acknowledged: bool

    def acknowledge(self) -> None:
        if self.acknowledged:
            return
        self.acknowledged = True
        try:
            self.message.ack()
        except self._connection_errors as error:
            _lost.set()
            logger.warning("broker lost: error=%s", type(error).__name__)


class _Task(Task):  # type: ignore[misc]
    Request = _Request


class _Watch(bootsteps.StartStopStep):  # type: ignore[misc]
    """Begins a connection anew on which a message could not be acknowledged. Celery alone would wait for ever on Redis:
    such messages count as not done, and while as many as there are processes are not done, no more are taken."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        _lost.clear()
        self._timer = parent.timer.call_repeatedly(_WATCH_SECONDS, parent.app.conf.paraf_turn)

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_lost = threading.Event()


def _make_app(settings: Settings) -> Any:
    app = Celery("paraf", broker=settings.broker_url.get_secret_value(), set_as_current=False)
    options: dict[str, Any] = {"max_retries": 0}
    if settings.broker_url.get_secret_value().startswith("redis"):
        options |= {"visibility_timeout": _UNSEEN_SECONDS, "socket_connect_timeout": _CONNECT_SECONDS,
                    "socket_timeout": _SOCKET_SECONDS, "socket_keepalive": True}
    app.conf.update(
        task_default_queue=QUEUE, task_serializer="json", accept_content=["json"], task_ignore_result=True,
        task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1,
        broker_connection_timeout=_CONNECT_SECONDS, broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None, broker_transport_options=options, worker_proc_alive_timeout=_START_SECONDS,
        worker_enable_remote_control=False, worker_hijack_root_logger=False, worker_redirect_stdouts=False)
    return app


def _quieten(**_: object) -> None:
    """The service's own configuration of logs stands, and not every message is worth a line."""
    logging.getLogger("celery").setLevel(logging.WARNING)


def _host() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"
