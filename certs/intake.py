"""Look at an uploaded PDF before it may become a decree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import pikepdf
from pikepdf import settings

from certs import errors
from certs.anatomy.parsers import DUPLICATE, complaints_of, has_external_data
from certs.anatomy.tiling import TOLERABLE
from certs.structure import examine
from certs.upload import changeable, faces, painting, resources
from certs.upload.book import NotByTheBookError

MAX_BYTES = 20 * 1024 * 1024
MAX_PAGES = 500

# Process-wide in qpdf, and to be set before any thread opens a file. A stream that inflates to more is a bomb:
# a page scanned in colour at 600 dpi takes 100 MB.
_MAX_DECODED = 256 * 1024 * 1024
settings.set_qpdf_limits(
    flate_max_memory=_MAX_DECODED,
    run_length_max_memory=_MAX_DECODED,
    png_max_memory=_MAX_DECODED,
    tiff_max_memory=_MAX_DECODED,
    max_stream_filters=8,
    doc_max_warnings=500,
)

_CUT_OFF = "input stream is complete but output may still be valid"  # as qpdf says it

_Refusal: TypeAlias = type[errors.UploadRefused]

# By action type (/S) and by annotation or stream type; what reaches outside counts as launching.
_ACTIONS: dict[str, _Refusal] = {
    "/JavaScript": errors.UploadHasJavaScript,
    "/Launch": errors.UploadHasLaunchAction,
    "/SubmitForm": errors.UploadHasLaunchAction,
    "/ImportData": errors.UploadHasLaunchAction,
    "/GoToE": errors.UploadHasAttachment,
    "/Rendition": errors.UploadHasRichMedia,
    "/Movie": errors.UploadHasRichMedia,
    "/Sound": errors.UploadHasRichMedia,
    "/GoTo3DView": errors.UploadHasRichMedia,
    "/RichMediaExecute": errors.UploadHasRichMedia,
}
_SUBTYPES: dict[str, _Refusal] = {
    "/FileAttachment": errors.UploadHasAttachment,
    "/RichMedia": errors.UploadHasRichMedia,
    "/Screen": errors.UploadHasRichMedia,
    "/Movie": errors.UploadHasRichMedia,
    "/Sound": errors.UploadHasRichMedia,
    "/3D": errors.UploadHasRichMedia,
}
# When several apply, the first of these is told.
_PRIORITY: tuple[_Refusal, ...] = (
    errors.UploadAlreadySigned,
    errors.UploadHasJavaScript,
    errors.UploadHasXfa,
    errors.UploadHasLaunchAction,
    errors.UploadHasAttachment,
    errors.UploadHasRichMedia,
    errors.UploadHasForm,
    errors.UploadHasLayers,
    errors.UploadHasAnnotations,
    errors.UploadFontsMissing,
    errors.UploadAmbiguous,
)


@dataclass(frozen=True)
class PdfFacts:
    """What is told of an accepted upload. Page sizes in points, one (width, height) a page, rotation applied."""

    pages: int
    title: str
    page_sizes: tuple[tuple[float, float], ...]
    pdf_version: str
    sha256: str


def inspect_upload(pdf: bytes, max_bytes: int = MAX_BYTES, max_pages: int = MAX_PAGES) -> PdfFacts:
    """Accept a plain document; refuse what acts, hides, is signed already or may show itself differently elsewhere.

    Every object of the file is looked at, wherever it hangs (names, actions, annotations, fields, or nowhere).

    :raises UploadRefused: one of its subclasses, each with its own code: too large, not a PDF, broken,
        encrypted, JavaScript, XFA, launch action, attachment, rich media, already signed, too many or no pages, a
        form, layers, annotations, fonts left out, or built so that readers may differ on what it shows
    """
    if len(pdf) > max_bytes:
        raise errors.UploadTooLarge(f"{len(pdf)} bytes, at most {max_bytes}")
    if b"%PDF-" not in pdf[:1024]:
        raise errors.UploadNotPdf("no PDF header")
    try:
        # No recovery: a file that only opens after repair may look different in every viewer.
        with pikepdf.open(BytesIO(pdf), attempt_recovery=False) as document:
            facts = _inspect(document, pdf, max_pages)
    except pikepdf.PasswordError as error:
        raise errors.UploadEncrypted("a password is needed to open it") from error
    except (pikepdf.PikepdfError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        if "no pages" in str(error):  # qpdf does not open such a file at all
            raise errors.UploadHasNoPages from error
        if "encrypted" in examine(pdf).codes:  # where qpdf lacks what it takes to decipher
            raise errors.UploadEncrypted("it is enciphered") from error
        raise errors.UploadBroken(type(error).__name__) from error
    odd = examine(pdf).codes - TOLERABLE
    if odd:
        raise errors.UploadAmbiguous(", ".join(sorted(odd)))
    return facts


def _inspect(document: pikepdf.Pdf, pdf: bytes, max_pages: int) -> PdfFacts:
    if document.is_encrypted:
        raise errors.UploadEncrypted("its permissions are restricted by a password")
    pages = len(document.pages)
    if pages > max_pages:
        raise errors.UploadHasTooManyPages(f"{pages} pages, at most {max_pages}")
    _ensure_harmless(document)
    for number, page in enumerate(document.pages, start=1):
        if not resources.is_seen(page):
            raise errors.UploadAmbiguous(f"page {number} has no area")
    try:
        painting.ensure_plain(document)
        faces.ensure_plain(document)
    except NotByTheBookError as error:
        raise error.refusal(str(error)) from error
    complaints = complaints_of(document)
    if any(_CUT_OFF in one for one in complaints):
        raise errors.UploadBroken("packed data end too early, and readers show more or less of them")
    if any(DUPLICATE in one for one in complaints):
        raise errors.UploadBroken("a key stands twice in a dictionary, and readers differ on which counts")
    return PdfFacts(
        pages=pages,
        title=str(document.docinfo.get("/Title", "")).strip(),
        page_sizes=tuple(_page_size(page) for page in document.pages),
        pdf_version=document.pdf_version,
        sha256=hashlib.sha256(pdf).hexdigest(),
    )


def _ensure_harmless(document: pikepdf.Pdf) -> None:
    found: dict[_Refusal, str] = {}
    for refusal, where in (*_catalogue_findings(document.Root), *changeable.of_document(document)):
        found.setdefault(refusal, where)
    for item in document.objects:
        for part in _parts(item):
            for refusal in _findings(part):
                found.setdefault(refusal, f"object {item.objgen[0]}")
    for refusal in _PRIORITY:
        if refusal in found:
            raise refusal(found[refusal])


def _catalogue_findings(root: Any) -> Iterator[tuple[_Refusal, str]]:
    names = root.get("/Names", {})
    if "/JavaScript" in names:
        yield errors.UploadHasJavaScript, "catalogue, names"
    if "/EmbeddedFiles" in names:
        yield errors.UploadHasAttachment, "catalogue, names"
    if "/Collection" in root:
        yield errors.UploadHasAttachment, "catalogue, portfolio"
    if "/Perms" in root or "/DSS" in root:
        yield errors.UploadAlreadySigned, "catalogue, permissions or validation data"
    form = root.get("/AcroForm", {})
    if "/XFA" in form or root.get("/NeedsRendering", False):
        yield errors.UploadHasXfa, "catalogue, form"


def _parts(item: Any) -> Iterator[Any]:
    """The dictionaries and arrays within one indirect object, without following references."""
    stack = [item]
    while stack:
        current = stack.pop()
        if isinstance(current, pikepdf.Dictionary | pikepdf.Stream):
            yield current
            children = [current.get(key) for key in current.keys()]  # noqa: SIM118 - not a mapping
        elif isinstance(current, pikepdf.Array):
            yield current
            children = list(current)
        else:
            continue
        stack += [
            child for child in children if isinstance(child, pikepdf.Object) and not child.is_indirect
        ]


def _findings(part: Any) -> Iterator[_Refusal]:
    yield from resources.of_item(part)
    if not isinstance(part, pikepdf.Array):
        yield from changeable.of_dictionary(part)
        yield from _of_dictionary(part)


def _of_dictionary(dictionary: Any) -> Iterator[_Refusal]:
    action = _name(dictionary, "/S")
    if action in _ACTIONS:
        yield _ACTIONS[action]
        if "/JS" in dictionary:
            yield errors.UploadHasJavaScript
    subtype = _name(dictionary, "/Subtype")
    if subtype in _SUBTYPES:
        yield _SUBTYPES[subtype]
    kind = _name(dictionary, "/Type")
    if "/EF" in dictionary or "/AF" in dictionary or kind == "/EmbeddedFile":
        yield errors.UploadHasAttachment
    is_signature = kind in {"/Sig", "/DocTimeStamp"} or "/ByteRange" in dictionary
    if has_external_data(dictionary):
        yield errors.UploadHasAttachment
    if is_signature or (_name(dictionary, "/FT") == "/Sig" and "/V" in dictionary):
        yield errors.UploadAlreadySigned


def _name(dictionary: Any, key: str) -> str:
    value = dictionary.get(key)
    return str(value) if isinstance(value, pikepdf.Name) else ""


def _page_size(page: pikepdf.Page) -> tuple[float, float]:
    left, lower, right, upper = (float(corner) for corner in page.cropbox)
    width, height = abs(right - left), abs(upper - lower)
    turned = int(page.obj.get("/Rotate", 0)) % 180 == 90
    return (height, width) if turned else (width, height)
