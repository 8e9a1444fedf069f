"""Signing as a browser does it: log in, and post the sheet's form to a web server that may die meanwhile."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError

from svc.errors import AppError
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import redating
from tests.support import batches as b
from tests.support.web_person import WebPerson
from tests.support.world import PASSWORD, World

_SECONDS = 20


class Refused(AppError):
    """The page said no."""

    code = "refused_by_page"
    status = 409


class Browser:
    """The signer's."""

    def __init__(self, url: str) -> None:
        self._person = WebPerson(url, seconds=_SECONDS)
        self._is_known = False

    def sign(self, world: World, decree_id: str) -> None:
        """Sign a decree. :raises OSError: nobody answers, or no more. :raises Refused: the page says no"""
        try:
            if not self._is_known:
                self._person.log_in(b.SIGNER, PASSWORD)
                self._is_known = True
            view = world.view(decree_id)
            assert view.open_task is not None
            redating.ensure_dated_today(world.deps, view.open_task.task_id, world.actor(b.SIGNER))
            view = world.view(decree_id)
            self._person.post(f"/tasks/{view.open_task.task_id}/sign" if view.open_task else "/",
                              seen_version=str(view.lock_version), frozen_sha256=view.pdf_sha256 or "",
                              passphrase=DEMO_PASSPHRASE)
        except HTTPError as error:
            raise Refused from error
        except HTTPException as error:
            raise ConnectionError(type(error).__name__) from error
