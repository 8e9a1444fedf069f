"""References in vain: to objects that are not there, which readers take for null (ISO 32000-2, 7.3.10).

Harmless, until an update brings an object of that number: then what was signed would speak of it.
"""

from __future__ import annotations

import re

from certs.anatomy.roles import Key

_W = rb"[\x00\t\n\x0c\r ]"
_SAID = re.compile(rb"(?<!\d)(\d{1,10})" + _W + rb"++(\d{1,5})" + _W + rb"++R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])")


def said_references(data: bytes) -> set[Key]:
    """All that is written like a reference, also where none is meant (in a text, in a picture)."""
    return {(int(number), int(generation)) for number, generation in _SAID.findall(data)}
