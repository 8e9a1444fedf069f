"""Imports what parsers load only when they first meet certain files.

For a process that looks into files after it has lost its file system: there a late import fails, pyHanko counts
the failure as a suspicious file, and an honest archived decree is refused.
"""

from __future__ import annotations

import importlib

_LATE = (
    "lxml.etree",  # metadata of an earlier revision against a later one
    "pyhanko.pdf_utils.filters",  # compressed objects
    "pyhanko.pdf_utils.metadata.xmp_xml",
    "pyhanko.pdf_utils.crypt.pdfmac",
    "pyhanko.pdf_utils.crypt.standard",
    "pyhanko.pdf_utils.crypt.pubkey",
    "pyhanko.sign.validation.pdf_embedded",
)


def load_all() -> None:
    """Import all of them now. :raises ImportError: one is gone, and this list with it out of date"""
    for name in _LATE:
        importlib.import_module(name)
