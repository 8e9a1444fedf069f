"""Files that say to be linearised (ISO 32000-2, annex F), and by that where their cross-reference data begins.

Where the length that such a file tells of itself is its own, some viewers (Poppler, pdf.js, Chrome) do not look at its
end: they take the section behind its first object. Who drew up the document can choose that length so that an update
makes it true.
"""

from __future__ import annotations

import re

from certs.anatomy.findings import Notebook
from certs.anatomy.revisions import Revision
from certs.anatomy.tokens import WHITESPACE, W, spelled

_HEAD = 1024
_LINEARISED = spelled(b"Linearized")
_LENGTH = re.compile(spelled(b"L").pattern + rb"(?>[" + W + rb"\x0b]++|%[^\r\n]*+)*+\+?0*+(\d{1,20})")
_END = b"endobj"


def check_linearised(data: bytes, revisions: tuple[Revision, ...], notes: Notebook) -> None:
    """Note ``xref_disagrees`` where a viewer would begin with other cross-reference data than stands at the end."""
    head = data[:_HEAD]
    if _LINEARISED.search(head) is None:
        return
    told = [int(one) for one in _LENGTH.findall(head)]
    if told and len(data) not in told:
        return
    behind = head.find(_END) + len(_END)
    space = WHITESPACE.match(data, behind)
    first = revisions[0].sections[0].start
    if len(revisions) > 1 or len(revisions[0].sections) < 2 or space is None or space.end() != first:
        notes.note("xref_disagrees", 0, "linearised in name only")
