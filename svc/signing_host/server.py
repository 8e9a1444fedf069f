"""Listens for questions to a holder of keys: on a Unix socket, and by mutual TLS for other hosts."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from svc.ports import GrantOver, SigningHostDown
from svc.signing_host import protocol
from svc.signing_host.holder import KeyHolder
from svc.signing_host.transport import Message, receive, send, short_path

log = structlog.get_logger("paraf.signing_host")

_MOST_CONNECTIONS = 64
_QUESTION_SECONDS = 30.0
_HANDSHAKE_SECONDS = 10.0
_POLL_SECONDS = 0.5
_BACKLOG = 128
_SOCKET_MODE = 0o600
_FOLDER_MODE = 0o700


@dataclass
class _Listener:
    """One door with its own crowd: strangers at one do not keep workers from the other."""

    door: socket.socket
    context: ssl.SSLContext | None
    room: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_MOST_CONNECTIONS))

    @property
    def name(self) -> str:
        return "unix" if self.context is None else "tls"


class SigningServer:
    """Answers for a holder until it is stopped; a thread for each connection."""

    def __init__(self, holder: KeyHolder) -> None:
        self._holder = holder
        self._listeners: list[_Listener] = []
        self._stopping = threading.Event()
        self._accepting: list[threading.Thread] = []
        self._busy = 0
        self._lock = threading.Lock()

    def listen_unix(self, path: Path) -> None:
        """Listen on a socket that is ours alone; a stale one gives way. :raises OSError: not to be had"""
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        path.parent.chmod(_FOLDER_MODE)
        path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~_SOCKET_MODE)
        try:
            with short_path(path) as address:
                door.bind(address)
        finally:
            os.umask(before)
        path.chmod(_SOCKET_MODE)
        self._listen(_Listener(door, None))

    def listen_tls(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen for peers with a certificate that the context accepts; the port. :raises OSError: it is taken"""
        door = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listen(_Listener(door, context))
        return int(door.getsockname()[1])

    def _listen(self, listener: _Listener) -> None:
        listener.door.listen(_BACKLOG)
        listener.door.settimeout(_POLL_SECONDS)
        self._listeners.append(listener)
        thread = threading.Thread(target=self._accept, args=(listener,), name=f"accept-{listener.name}", daemon=True)
        self._accepting.append(thread)
        thread.start()

    def stop(self, seconds: float) -> None:
        """Take no more questions, forget all keys, and give answers under way so many seconds."""
        self._stopping.set()
        self._holder.close_all()
        for thread in self._accepting:
            thread.join()
        for listener in self._listeners:
            listener.door.close()
        deadline = time.monotonic() + seconds
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.02)

    def _accept(self, listener: _Listener) -> None:
        while not self._stopping.is_set():
            if not listener.room.acquire(timeout=_POLL_SECONDS):
                continue
            try:
                peer, _ = listener.door.accept()
            except OSError as error:  # nobody came (TimeoutError), or he left before he was let in
                listener.room.release()
                if not isinstance(error, TimeoutError):
                    log.warning("accept_failed", door=listener.name, error=type(error).__name__)
                    self._stopping.wait(_POLL_SECONDS)
                continue
            threading.Thread(target=self._serve, args=(listener, peer), daemon=True).start()

    def _serve(self, listener: _Listener, peer: socket.socket) -> None:
        with self._lock:
            self._busy += 1
        try:
            with closing(_checked(listener, peer)) as checked:
                self._answer_one(checked)
        except (OSError, ValueError) as error:  # a stranger, or a peer that went away or wrote nonsense
            log.warning("connection_ended", door=listener.name, error=type(error).__name__)
        finally:
            listener.room.release()
            with self._lock:
                self._busy -= 1

    def _answer_one(self, peer: socket.socket) -> None:
        message = receive(peer, _QUESTION_SECONDS)
        try:
            answer, blobs = self._answer(message)
        except GrantOver:
            answer, blobs = protocol.Over(), ()
        except SigningHostDown:
            answer, blobs = protocol.Busy(), ()
        peer.settimeout(_QUESTION_SECONDS)
        send(peer, protocol.write(answer), blobs)

    def _answer(self, message: Message) -> tuple[protocol.Answer, Sequence[bytes | bytearray]]:
        match protocol.read(message.head):
            case protocol.OpenStored() | protocol.OpenElsewhere() as question:
                try:
                    key = protocol.read_key(question, message.blobs)
                finally:
                    message.wipe()
                self._holder.open(question.authorisation, key)
                return protocol.Done(), ()
            case protocol.Sign() as question:
                documents = protocol.read_documents(question, message.blobs)
                return protocol.write_results(self._holder.sign(question.authorisation_id, documents))
            case protocol.Forget() as question:
                self._holder.forget(question.authorisation_id, question.hashes)
                return protocol.Done(), ()
            case protocol.Close() as question:
                self._holder.close(question.authorisation_id)
                return protocol.Done(), ()
            case protocol.IsOpen() as question:
                return protocol.Held(self._holder.is_open(question.authorisation_id)), ()
            case _:
                raise ValueError("not a question")


def _checked(listener: _Listener, peer: socket.socket) -> socket.socket:
    """The peer, once it is known to be one of ours. :raises OSError: it is not, or hides it"""
    try:
        peer.settimeout(_HANDSHAKE_SECONDS)
        if listener.context is not None:
            return listener.context.wrap_socket(peer, server_side=True)
        _ensure_same_user(peer)
    except (OSError, ValueError):
        peer.close()
        raise
    return peer


def _ensure_same_user(peer: socket.socket) -> None:
    if not hasattr(socket, "SO_PEERCRED"):  # elsewhere the folder's mode keeps others out
        return
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    if uid != os.getuid():
        raise PermissionError("another user")
