"""Containers that an update may change, and whether the signed revision uses them for anything else.

A later signature changes the catalogue, the form, lists of annotations; validation data change the security store. Who
drew up the document may have had the page take its fonts or pictures from one of these (a catalogue is a dictionary
like any other): then the change, harmless where it is looked for, is another page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pikepdf

from certs.anatomy.roles import Key, children, is_dictionary

_STORE_PARTS = ("/Certs", "/CRLs", "/OCSPs", "/VRI")


def shared_containers(document: Any, changed: Collection[Key], said: Mapping[int, int], sections: int) -> set[Key]:
    """Those of the changed objects that the document, as it was signed, reaches in another way than by their place.

    :param said: how often its bytes refer to a number, or more; where that is no more than it must be, no object is
        looked at
    :param sections: how many trailers it has, each of which names the catalogue
    """
    rightful = Counter(one.objgen for one in _places(document) if isinstance(one, pikepdf.Object) and one.is_indirect)
    root = document.Root.objgen
    doubtful = {key for key in changed if said.get(key[0], 0) > rightful[key] + (sections if key == root else 0)}
    if not doubtful:
        return set()
    # A signature may say that it speaks of the whole document: /Data is its catalogue (ISO 32000-2, table 256).
    wanted = {key: re.compile(rb"(?<![0-9])(?<!/Data )%d %d R(?![A-Za-z])" % key) for key in doubtful}
    found: Counter[Key] = Counter({root: -1})  # the trailer's
    for text in _texts(document):
        for key, pattern in wanted.items():
            found[key] += len(pattern.findall(text))
    return {key for key in doubtful if found[key] > rightful[key]}


def _texts(document: Any) -> Iterator[bytes]:
    yield document.trailer.unparse()
    for one in document.objects:
        held = one.stream_dict if isinstance(one, pikepdf.Stream) else one
        if isinstance(held, pikepdf.Dictionary | pikepdf.Array):
            yield held.unparse(resolved=True)


def _places(document: Any) -> Iterator[Any]:
    """Where they belong: every container, once for each time that it is rightly referred to."""
    root = document.Root
    form, store, extensions = (root.get(key, None) for key in ("/AcroForm", "/DSS", "/Extensions"))
    yield from (form, store, extensions)
    if is_dictionary(form):
        yield form.get("/Fields", None)
    yield from _under(extensions)
    if is_dictionary(store):
        yield from (store.get(key, None) for key in _STORE_PARTS)
        for details in _under(store.get("/VRI", None)):
            yield details
            yield from _under(details)
    for page in document.pages:
        yield page.obj.get("/Annots", None)


def _under(value: Any) -> Iterable[Any]:
    return [child for _, child in children(value)] if is_dictionary(value) else ()
