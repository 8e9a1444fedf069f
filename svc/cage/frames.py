"""One message: two lengths, a JSON head, raw bytes. Never pickle: a reader must not do what a writer wants."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from dataclasses import dataclass
from typing import Any

_LENGTHS = struct.Struct("!II")
_MAX_HEAD = 8 * 1024 * 1024
_MAX_BODY = 32 * 1024 * 1024
_CHUNK = 256 * 1024


class FrameBroken(ValueError):
    """Too short, too long, or not JSON."""


class TimeIsUp(Exception):
    """The frame did not come whole in time."""


@dataclass(frozen=True)
class Frame:
    head: Any
    body: bytes


def pack(head: Any, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def unpack(data: bytes) -> Frame:
    """A frame of trusted size from its bytes. :raises FrameBroken: it is none"""
    try:
        head, body = _LENGTHS.unpack_from(data)
        if len(data) != _LENGTHS.size + head + body:
            raise FrameBroken("other length than it says")
        end = _LENGTHS.size + head
        return Frame(json.loads(data[_LENGTHS.size:end]), data[end:])
    except (struct.error, ValueError, RecursionError) as error:
        raise FrameBroken(str(error)) from error


def write_all(fd: int, data: bytes) -> None:
    """Write everything, blocking. :raises OSError: the reader is gone"""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest[:_CHUNK]):]


def receive(fd: int, deadline: float) -> Frame:
    """A frame from a pipe that a stranger writes to; reads no more than a frame may have.

    :param deadline: by ``time.monotonic()``
    :raises TimeIsUp: it did not come in time. :raises FrameBroken: the writer ended early or wrote no frame
    """
    reader = select.poll()
    reader.register(fd, select.POLLIN)
    data, wanted = bytearray(), _LENGTHS.size
    while len(data) < wanted:
        left = deadline - time.monotonic()
        if left <= 0 or not reader.poll(left * 1000):
            raise TimeIsUp
        chunk = os.read(fd, min(_CHUNK, wanted - len(data)))
        if not chunk:
            raise FrameBroken("ended early")
        data += chunk
        if wanted == _LENGTHS.size and len(data) == wanted:
            head, body = _LENGTHS.unpack(data)
            if head > _MAX_HEAD or body > _MAX_BODY:
                raise FrameBroken("too long")
            wanted += head + body
    return unpack(bytes(data))
