"""PDFs that were finished elsewhere: looked into as they come, made into pictures where the drafter asks for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from certs import errors
from certs.errors import UploadRefused
from certs.intake import PdfFacts
from svc.cage.port import CageCrashed, CageTimeout, PageUndrawable, PicturesImpossible
from svc.deps import Deps
from svc.errors import InvalidInput
from svc.services.refusals import impossible_words, refusal_words

_CURABLE = (
    errors.UploadHasJavaScript, errors.UploadHasXfa, errors.UploadHasLaunchAction, errors.UploadHasAttachment,
    errors.UploadHasRichMedia, errors.UploadHasForm, errors.UploadHasLayers, errors.UploadHasAnnotations,
    errors.UploadFontsMissing, errors.UploadTooComplex, errors.UploadPictureUnchecked, errors.UploadAmbiguous,
    errors.UploadBroken)
_COARSE = 36


class CurableContent(InvalidInput):
    """Refused for what it holds beside or behind what its pages show: pictures of them would be taken."""

    def __init__(self, refused: UploadRefused) -> None:
        self.refusal = refused.code
        super().__init__(fields={"file": refusal_words(refused)})


@dataclass(frozen=True)
class Original:
    """The upload that pictures were made from: its hash, and the code of its refusal. It is not kept."""

    sha256: str
    refusal: str


@dataclass(frozen=True)
class FinishedPdf:
    """What was taken: the upload itself, or the pictures of its pages."""

    pdf: bytes
    pages: int
    original: Original | None = None


def take(deps: Deps, pdf: bytes, *, as_pictures: bool) -> FinishedPdf:
    """Take an upload as it is. One that is refused for its content is taken ``as_pictures``, if that is asked for.

    :raises CurableContent: it is not asked for. :raises InvalidInput: refused, with the reason at ``file``
    """
    try:
        return FinishedPdf(pdf, inspect(deps, pdf).pages)
    except CurableContent as curable:
        if not as_pictures:
            raise
        pictures = _picture(deps, pdf)
        # Nothing is kept that was not inspected, whoever made it.
        return FinishedPdf(pictures, inspect(deps, pictures).pages,
                           Original(hashlib.sha256(pdf).hexdigest(), curable.refusal))


def inspect(deps: Deps, pdf: bytes) -> PdfFacts:
    """Look into an uploaded PDF.

    :raises CurableContent: refused for its content. :raises InvalidInput: refused, with the reason at ``file``
    """
    try:
        return deps.cage.inspect(pdf, deps.settings.max_upload_bytes)
    except UploadRefused as error:
        if isinstance(error, _CURABLE) and _is_drawable(deps, pdf, error):
            raise CurableContent(error) from error
        raise InvalidInput(fields={"file": refusal_words(error)}) from error
    except (CageTimeout, CageCrashed) as error:
        raise InvalidInput(fields={
            "file": "Berkas ini tidak dapat diperiksa. Simpan ulang sebagai PDF biasa, lalu unggah lagi."}) from error


def _is_drawable(deps: Deps, pdf: bytes, refused: UploadRefused) -> bool:
    """Of a damaged file nothing else may be left."""
    if not isinstance(refused, errors.UploadBroken):
        return True
    try:
        deps.cage.render_page(pdf, 0, _COARSE)
    except (PageUndrawable, CageTimeout, CageCrashed):  # the answer to the question
        return False
    return True


def _picture(deps: Deps, pdf: bytes) -> bytes:
    try:
        return deps.cage.picture_pages(pdf, deps.settings.max_upload_bytes)
    except UploadRefused as error:  # what the look at its content did not come to
        raise InvalidInput(fields={"file": refusal_words(error)}) from error
    except (PicturesImpossible, CageTimeout, CageCrashed) as error:
        impossible = error if isinstance(error, PicturesImpossible) else PicturesImpossible(error.code)
        raise InvalidInput(fields={"file": impossible_words(impossible.code)},
                           params={"page": impossible.page, "mb": deps.settings.max_upload_mb}) from error
