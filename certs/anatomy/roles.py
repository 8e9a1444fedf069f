"""Names for what an unexplained change concerns: the part of the document from which the object is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import pikepdf

Key = tuple[int, int]
_MOST = 50_000
_UPWARD = frozenset({"/Parent", "/P", "/Pg", "/Dest", "/D"})

# By key of the catalogue; what is not here is catalog_changed.
CATALOGUE = {
    "/OCProperties": "optional_content_changed",
    "/OpenAction": "open_action_changed",
    "/AA": "open_action_changed",
    "/Names": "names_changed",
    "/Dests": "names_changed",
    "/Outlines": "outlines_changed",
    "/Metadata": "metadata_changed",
    "/Perms": "perms_changed",
    "/Pages": "pages_changed",
    "/StructTreeRoot": "tags_changed",
    "/AF": "attachments_changed",
    "/Collection": "attachments_changed",
}
PAGE = {"/Contents": "page_content_changed", "/Resources": "resources_changed", "/Annots": "annotation_changed"}


def is_dictionary(value: Any) -> TypeGuard[Any]:
    """A dictionary or a stream, which has one."""
    return isinstance(value, pikepdf.Dictionary | pikepdf.Stream)


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """The values within an object, with their keys (empty in an array)."""
    if is_dictionary(value):
        for key in value.keys():  # noqa: SIM118 - not a mapping
            yield key, value.get(key)
    elif isinstance(value, pikepdf.Array):
        for item in value:
            yield "", item


def roles(document: Any) -> dict[Key, str]:
    """Object number and generation to code, for all that is reached from the catalogue and the trailer."""
    found: dict[Key, str] = {document.Root.objgen: "catalog_changed"}
    pages = [page.obj for page in document.pages]
    found |= {page.objgen: "page_changed" for page in pages}
    for code, value in _seeds(document, pages):
        _spread(code, value, found)
    return found


def _seeds(document: Any, pages: list[Any]) -> Iterator[tuple[str, Any]]:
    yield "doc_info_changed", document.trailer.get("/Info", None)
    for key, code in CATALOGUE.items():
        if key not in {"/Pages", "/StructTreeRoot"}:
            yield code, document.Root.get(key, None)
    for page in pages:
        yield "page_content_changed", page.get("/Contents", None)
    for page in pages:
        resources = page.get("/Resources", None)
        if is_dictionary(resources):
            yield "font_changed", resources.get("/Font", None)
        yield "resources_changed", resources
    yield "form_changed", document.Root.get("/AcroForm", None)
    for page in pages:
        yield "annotation_changed", page.get("/Annots", None)
    for code in ("pages_changed", "tags_changed"):
        yield code, document.Root.get("/Pages" if code == "pages_changed" else "/StructTreeRoot", None)
    yield "catalog_changed", document.Root


def _spread(code: str, start: Any, found: dict[Key, str]) -> None:
    waiting = [start]
    while waiting and len(found) < _MOST:
        value = waiting.pop()
        if not isinstance(value, pikepdf.Object):
            continue
        if value.is_indirect and value is not start:
            if value.objgen in found:
                continue
            found[value.objgen] = code
        elif value is start and value.is_indirect:
            found.setdefault(value.objgen, code)
        waiting += [child for key, child in children(value) if key not in _UPWARD]
