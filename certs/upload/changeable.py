"""What may look one way to who signs and another way to who reads: forms, layers, annotations, and rarer things.

All of it can be signed, and the signature stays valid while a viewer, a printer, a click or a font of the system shows
something else (shadow attacks). So a document that is to become a decree has none of it: what stands on its pages is
drawn by the pages themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf

from certs import errors

Finding = tuple[type[errors.UploadRefused], str]

# By action type (/S): these change what is seen.
_SHOWING_ACTIONS = frozenset({"/SetOCGState", "/Hide", "/ResetForm"})
_DESTINATIONS = (pikepdf.Array, pikepdf.Name, pikepdf.String)


def of_document(document: pikepdf.Pdf) -> Iterator[Finding]:
    """What the catalogue and the pages have of it."""
    root = document.Root
    form: Any = root.get("/AcroForm", {})
    if len(form.get("/Fields", ())) or form.get("/NeedAppearances", False):
        yield errors.UploadHasForm, "catalogue, form"
    if "/OCProperties" in root:
        yield errors.UploadHasLayers, "catalogue, optional content"
    opening: Any = root.get("/OpenAction", pikepdf.Array())
    # What comes next acts by itself, too.
    if not isinstance(opening, _DESTINATIONS) and (opening.get("/S") != "/GoTo" or "/Next" in opening):
        yield errors.UploadHasLaunchAction, "catalogue, open action"
    for number, page in enumerate(document.pages, start=1):
        for annotation in page.obj.get("/Annots", ()):
            refusal = _of_annotation(annotation)
            if refusal is not None:
                yield refusal, f"page {number}"


def of_dictionary(dictionary: Any) -> Iterator[type[errors.UploadRefused]]:
    """What one dictionary has of it, wherever it hangs."""
    kinds = {str(dictionary.get(key)) for key in ("/Type", "/Subtype", "/Subtype2") if key in dictionary}
    if "/Widget" in kinds:
        yield errors.UploadHasForm
    if kinds & {"/OCG", "/OCMD"}:
        yield errors.UploadHasLayers
    if str(dictionary.get("/S")) in _SHOWING_ACTIONS or _has_automatic_actions(dictionary):
        yield errors.UploadAmbiguous
    is_other_for_print = "/PS" in kinds or "/OPI" in dictionary or "/PresSteps" in dictionary or (
        "/Image" in kinds and "/Alternates" in dictionary) or ("/Form" in kinds and "/Ref" in dictionary)
    if is_other_for_print or any(_is_transfer(dictionary.get(key)) for key in ("/TR", "/TR2")):
        yield errors.UploadAmbiguous


def _of_annotation(annotation: Any) -> type[errors.UploadRefused] | None:
    subtype = str(annotation.get("/Subtype"))
    if subtype == "/Widget":
        return errors.UploadHasForm
    return None if subtype == "/Link" and "/AP" not in annotation else errors.UploadHasAnnotations


def _has_automatic_actions(dictionary: Any) -> bool:
    """A class map or a role map may have a key of this name too, but no actions."""
    actions = dictionary.get("/AA")
    if not isinstance(actions, pikepdf.Dictionary):
        return False
    found = [actions.get(key) for key in actions.keys()]  # noqa: SIM118 - not a mapping
    return any(isinstance(one, pikepdf.Dictionary) and "/S" in one for one in found)


def _is_transfer(value: Any) -> bool:
    """A function that replaces colours, or several; not a class or a role of this name."""
    if isinstance(value, pikepdf.Array):
        return any(_is_transfer(one) for one in value)
    return isinstance(value, pikepdf.Dictionary | pikepdf.Stream) and "/FunctionType" in value
