"""Small pictures of the pages that are about to be signed, drawn from the very bytes whose hash is authorised."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import select

from svc.actors import Actor
from svc.cage.port import MIN_DPI, CageBusy, CageCrashed, CageTimeout, CageUnavailable, PageUndrawable
from svc.deps import Deps
from svc.errors import IntegrityViolation, NotFound, ServiceUnavailable, StorageUnavailable
from svc.models import Decree, StoredFile
from svc.services.access import ensure_can_view
from svc.services.files import read_file

logger = logging.getLogger(__name__)


class PageNotDrawn(ServiceUnavailable):
    code = "page_not_drawn"
    message = "Halaman ini tidak dapat digambar sekarang."


@dataclass(frozen=True)
class StoredPage:
    """A page (counted from 1) of a stored file that the actor may see. The same hash is the same picture for ever."""

    object_key: str
    sha256: str
    number: int

    @property
    def tag(self) -> str:
        return f"{self.sha256}-{self.number}-{MIN_DPI}"


def find_page(deps: Deps, actor: Actor, decree_id: str, sha256: str, number: int) -> StoredPage:
    """A page of the file with that hash; nothing is read from the store yet.

    :raises NotFound: no such decree, file or page, or not for this actor
    """
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one_or_none()
        if decree is None:
            raise NotFound
        ensure_can_view(actor, decree)
        file = session.scalars(
            select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.sha256 == sha256)
            .order_by(StoredFile.id.desc()).limit(1)).one_or_none()
    if file is None or number < 1 or number > (file.pages or number):
        raise NotFound
    return StoredPage(file.object_key, file.sha256, number)


def draw_page(deps: Deps, page: StoredPage) -> bytes:
    """The page as a small PNG, drawn in the cage after the bytes were compared with their hash.

    :raises PageNotDrawn: the bytes are not to be had, or the cage is full, closed, or cannot draw them
    """
    try:
        pdf = read_file(deps, page.object_key, page.sha256)
        return deps.cage.render_page(pdf, page.number - 1, MIN_DPI)
    except (StorageUnavailable, IntegrityViolation, CageBusy, CageUnavailable, CageTimeout, CageCrashed,
            PageUndrawable) as error:
        logger.warning("page not drawn: sha256=%s page=%s error=%s", page.sha256, page.number, type(error).__name__)
        raise PageNotDrawn from error
