"""What strangers write into a file does not get into the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pikepdf
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from certs.coverage import NothingSigned, signed_part
from certs.errors import UploadRefused
from certs.intake import inspect_upload
from certs.structure import examine
from certs.validation import validate_pdf
from tests.attacks.craft import body, facts, update
from tests.unit.certs.conftest import World

INJECTED = "ERROR kata sandi admin"
_NAME = b"/Baris#0aERROR#20kata#20sandi#20admin"


def hostile(page: bytes) -> bytes:
    """A catalogue with a key twice whose name is a line for the log, and one that leads nowhere."""
    with pikepdf.open(io.BytesIO(page)) as document:
        catalogue = body(document.Root).rstrip()
    return update(page, {int(facts(page).root.split()[0]): catalogue[:-2] + _NAME + b" 1 " + _NAME + b" 2>>"})


@contextmanager
def talkative() -> Iterator[None]:
    """The parser as it is shipped."""
    parser = logging.getLogger("pyhanko")
    before = parser.level
    parser.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        parser.setLevel(before)


def test_parsers_do_not_quote_the_file(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    unsigned = hostile(world.page)
    signed = hostile(world.sign().pdf)
    for pdf in (unsigned, signed):
        with suppress(UploadRefused):
            inspect_upload(pdf)
        examine(pdf)
        assert not validate_pdf(pdf, world.trust(), world.later).passed
    with pytest.raises(NothingSigned):
        signed_part(unsigned)
    signed_part(signed)
    assert INJECTED not in caplog.text
    assert not [one for one in caplog.records if one.name.startswith(("pyhanko", "pikepdf"))]
    with talkative():
        _ = PdfFileReader(io.BytesIO(unsigned), strict=False).root
    assert "Baris" in caplog.text  # so it would have been told
