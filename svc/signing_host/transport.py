"""One message on a stream: a fixed prefix, a JSON head, raw blobs. Never pickle, and no more than the limits say."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PREFIX = struct.Struct("!4sII")  # name and version, length of the head, length of all blobs
_NAME = b"PSH1"
_MAX_HEAD = 8 * 1024 * 1024  # a list of a hundred thousand hashes
_MAX_BLOBS = 256
MAX_BODY = 96 * 1024 * 1024
_CHUNK = 256 * 1024
_LONGEST_PATH = 100  # of a Unix socket; the kernel takes 107 bytes


class MessageBroken(ValueError):
    """Too long, cut off, or not a message of this version."""


@dataclass(frozen=True)
class Message:
    """``body`` is where the blobs lie: :meth:`wipe` overwrites it when a key was in there."""

    head: Any
    blobs: tuple[memoryview, ...] = field(repr=False)
    body: bytearray = field(repr=False)

    def wipe(self) -> None:
        self.body[:] = bytes(len(self.body))


def send(peer: socket.socket, head: Any, blobs: Sequence[bytes | bytearray] = ()) -> None:
    """Write one message. :raises MessageBroken: too long. :raises OSError: the reader is gone"""
    sizes = [len(one) for one in blobs]
    text = json.dumps({"content": head, "sizes": sizes}, separators=(",", ":")).encode()
    if len(text) > _MAX_HEAD or sum(sizes) > MAX_BODY or len(sizes) > _MAX_BLOBS:
        raise MessageBroken("too long")
    peer.sendall(_PREFIX.pack(_NAME, len(text), sum(sizes)) + text)
    for blob in blobs:
        peer.sendall(blob)


def receive(peer: socket.socket, seconds: float) -> Message:
    """Read one message, which must come whole in time.

    :raises MessageBroken: it is none. :raises OSError: the writer is gone, or (``TimeoutError``) slow
    """
    deadline = time.monotonic() + seconds
    name, head_size, body_size = _PREFIX.unpack(_exactly(peer, _PREFIX.size, deadline))
    if name != _NAME:
        raise MessageBroken("another protocol or version")
    if head_size > _MAX_HEAD or body_size > MAX_BODY:
        raise MessageBroken("too long")
    sizes, content = _read_head(_exactly(peer, head_size, deadline))
    if sum(sizes) != body_size:
        raise MessageBroken("other lengths than it says")
    body = _exactly(peer, body_size, deadline)
    view, blobs, start = memoryview(body), [], 0
    for size in sizes:
        blobs.append(view[start:start + size])
        start += size
    return Message(content, tuple(blobs), body)


def _read_head(text: bytearray) -> tuple[list[int], Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageBroken("not JSON") from error
    if type(head) is not dict or head.keys() != {"content", "sizes"} or type(head["sizes"]) is not list:
        raise MessageBroken("no head")
    sizes = head["sizes"]
    if len(sizes) > _MAX_BLOBS or any(type(one) is not int or one < 0 for one in sizes):
        raise MessageBroken("no sizes")
    return sizes, head["content"]


def _exactly(peer: socket.socket, count: int, deadline: float) -> bytearray:
    """So many bytes; room is made as they come, not as they are announced."""
    data = bytearray()
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the message did not come in time")
        peer.settimeout(left)
        chunk = peer.recv(min(_CHUNK, count - len(data)))
        if not chunk:
            raise MessageBroken("ended early")
        data += chunk
    return data


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """The path of a Unix socket in so few bytes as the kernel takes."""
    if len(os.fsencode(path)) <= _LONGEST_PATH or not hasattr(os, "O_PATH"):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
