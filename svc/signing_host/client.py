"""The signing host as seen from other processes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from certs.authorisation import Authorisation, AuthorisationExpired
from certs.errors import DocumentUnsignable
from certs.pades import SignedDocument
from svc.ports import SIGNING_HOST_DOWN, ElsewhereKey, GrantOver, NotSigned, SigningHostDown, StoredKey, ToSign
from svc.signing_host import protocol
from svc.signing_host.grant import MAX_DOCUMENT_BYTES
from svc.signing_host.transport import Message, MessageBroken, receive, send, short_path

Connect: TypeAlias = Callable[[], socket.socket]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
# An authorisation's five minutes, and the last document under it at the slowest backend.
_SIGN_SECONDS = 300.0 + 630.0
_MAX_BYTES = 64 * 1024 * 1024  # of documents in one message
_IDLE, _INTERVAL, _PROBES = 15, 5, 4


def to_unix(path: Path) -> Connect:
    """Connects to the host of this machine."""
    def connect() -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.settimeout(_CONNECT_SECONDS)
            with short_path(path) as address:
                peer.connect(address)
        except OSError:
            peer.close()
            raise
        return peer

    return connect


def to_tls(host: str, port: int, context: ssl.SSLContext) -> Connect:
    """Connects to a host elsewhere, which must name itself ``host``; ``context`` has our certificate."""
    def connect() -> socket.socket:
        plain = socket.create_connection((host, port), _CONNECT_SECONDS)
        try:
            _notice_when_gone(plain)
            return context.wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    return connect


class RemoteHost:
    """A :class:`svc.ports.SigningHost` in another process; every question has a connection of its own."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        question, blobs = protocol.write_key(authorisation, key)
        try:
            self._ask(question, blobs, _ANSWER_SECONDS)
        finally:
            for blob in blobs:
                if isinstance(blob, bytearray):
                    blob[:] = bytes(len(blob))

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        """What was answered before the host went away is returned: nothing else may have it."""
        results: list[SignedDocument | NotSigned] = []
        for message in _messages(documents):
            if isinstance(message, NotSigned):
                results.append(message)
                continue
            try:
                results.extend(self._sign(authorisation_id, message))
            except GrantOver:
                if not results:
                    raise
                results.extend([NotSigned(AuthorisationExpired.code, stops=True)] * len(message))
            except SigningHostDown:
                if not results:
                    raise
                results.extend([NotSigned(SIGNING_HOST_DOWN, stops=True)] * len(message))
                unsent = len(documents) - len(results)
                return (*results, *[NotSigned(AuthorisationExpired.code, stops=True)] * unsent)
        return tuple(results)

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        self._ask(protocol.Forget(authorisation_id, tuple(hashes)), (), _ANSWER_SECONDS)

    def close(self, authorisation_id: str) -> None:
        """:raises SigningHostDown: it does not answer; what it held is gone with it, or ends with its time"""
        self._ask(protocol.Close(authorisation_id), (), _ANSWER_SECONDS)

    def is_open(self, authorisation_id: str) -> bool:
        answer, _ = self._ask(protocol.IsOpen(authorisation_id), (), _ANSWER_SECONDS)
        if not isinstance(answer, protocol.Held):
            raise SigningHostDown("it answered something else")
        return answer.is_open

    def _sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        question = protocol.Sign(authorisation_id, tuple(one.request for one in documents))
        answer, message = self._ask(question, [one.frozen for one in documents], _SIGN_SECONDS)
        try:
            results = protocol.read_results(answer, message.blobs) if isinstance(answer, protocol.Signed) else ()
        except ValueError as error:
            raise SigningHostDown("its answer is unreadable") from error
        if len(results) != len(documents):
            raise SigningHostDown("it answered something else")
        return results

    def _ask(self, question: protocol.Question, blobs: Sequence[bytes | bytearray], seconds: float
             ) -> tuple[protocol.Question | protocol.Answer, Message]:
        try:
            with closing(self._connect()) as peer:
                peer.settimeout(_ANSWER_SECONDS)
                send(peer, protocol.write(question), blobs)
                message = receive(peer, seconds)
            answer = protocol.read(message.head)
        except (OSError, ValueError) as error:
            why = str(error) if isinstance(error, MessageBroken) else type(error).__name__
            raise SigningHostDown(why) from error
        if isinstance(answer, protocol.Over):
            raise GrantOver
        if isinstance(answer, protocol.Busy):
            raise SigningHostDown("too many keys are held")
        return answer, message


def _messages(documents: Sequence[ToSign]) -> Iterator[list[ToSign] | NotSigned]:
    """Documents in runs that fit into one message; what fits into none is refused here, in its place."""
    waiting: list[ToSign] = []
    room = _MAX_BYTES
    for document in documents:
        is_too_large = len(document.frozen) > MAX_DOCUMENT_BYTES
        if waiting and (is_too_large or len(document.frozen) > room or len(waiting) == protocol.MAX_DOCUMENTS):
            yield waiting
            waiting, room = [], _MAX_BYTES
        if is_too_large:
            yield NotSigned(DocumentUnsignable.code)
        else:
            waiting.append(document)
            room -= len(document.frozen)
    if waiting:
        yield waiting


def _notice_when_gone(peer: socket.socket) -> None:
    """A machine that vanished sends no goodbye: ask after it while it signs."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _INTERVAL), ("TCP_KEEPCNT", _PROBES)):
        if hasattr(socket, name):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
