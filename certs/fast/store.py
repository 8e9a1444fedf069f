"""The update that makes a B-T file a B-LT one: a document security store (ISO 32000-2, 12.8.4.3).

Its content is that of a model file, fetched once for the lifetime of its revocation data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from pyhanko.pdf_utils.reader import PdfFileReader

from certs.augment import augment
from certs.fast.shape import Shape
from certs.fast.syntax import write_dictionary
from certs.fast.update import Update, write_ending, write_objects
from certs.knowledge import StoreContents, read_store
from certs.pades import Level
from certs.trust import TrustStore
from certs.tsa import TimeStampService


def gather_store(pdf: bytes, tsa: TimeStampService, trust: TrustStore, now: datetime) -> StoreContents:
    """What the security store of every file of this signer and time-stamp service needs.

    :param pdf: any B-T file of theirs
    :raises RevocationDataMissing: a list or response is missing
    :raises DocumentUnsignable: it cannot be read or has no time stamp
    """
    raised = augment(pdf, Level.B_LT, tsa, trust, now)
    return read_store(PdfFileReader(BytesIO(raised.pdf), strict=True))


def build_store_update(length: int, shape: Shape, signature: Update, store: StoreContents, identifier: bytes) -> bytes:
    """What follows a signed file.

    :param length: of the signed file
    :param shape: of the original, before it was signed
    :param signature: the update that signed it
    :param identifier: 16 random bytes
    """
    first = signature.size
    objects: list[tuple[int, bytes]] = []
    lists: list[bytes] = []
    for key, entries in ((b"/Certs", store.certificates), (b"/CRLs", store.crls), (b"/OCSPs", store.ocsps)):
        if entries:
            numbers = range(first + len(objects) + 1, first + len(objects) + 1 + len(entries))
            objects += [(number, _stream(entry)) for number, entry in zip(numbers, entries, strict=True)]
            lists.append(key + b" [ " + _references(numbers) + b" ]\n")
    place = first + len(objects) + 1
    catalog = {**signature.catalog, b"/DSS": b"%d 0 R" % place}
    objects = [(shape.root, write_dictionary(catalog)), *objects, (place, b"<<\n" + b"".join(lists) + b">>")]
    body, offsets = write_objects(objects, length)
    return body + write_ending(shape, offsets, place + 1, signature.startxref, length + len(body), identifier)


def _stream(content: bytes) -> bytes:
    return b"<<\n/Length %d\n>>\nstream\n%b\nendstream" % (len(content), content)


def _references(numbers: Sequence[int]) -> bytes:
    return b" ".join([b"%d 0 R" % number for number in numbers])
