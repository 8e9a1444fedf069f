"""Signing as a browser does it: log in, and post the sheet's form to a web server that may die meanwhile."""

from __future__ import annotations

import re
from http.client import HTTPException
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from svc.errors import AppError
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import redating
from tests.support import batches as b
from tests.support.world import PASSWORD, World

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
_SECONDS = 20


class Refused(AppError):
    """The page said no."""

    code = "refused_by_page"
    status = 409


class Browser:
    """The signer's."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._is_known = False

    def sign(self, world: World, decree_id: str) -> None:
        """Sign a decree. :raises OSError: nobody answers, or no more. :raises Refused: the page says no"""
        try:
            if not self._is_known:
                self._post("/login", username=b.SIGNER, password=PASSWORD)
                self._is_known = True
            view = world.view(decree_id)
            assert view.open_task is not None
            redating.ensure_dated_today(world.deps, view.open_task.task_id, world.actor(b.SIGNER))
            view = world.view(decree_id)
            self._post(f"/tasks/{view.open_task.task_id}/sign" if view.open_task else "/",
                       seen_version=str(view.lock_version), frozen_sha256=view.pdf_sha256 or "",
                       passphrase=DEMO_PASSPHRASE)
        except HTTPError as error:
            raise Refused from error
        except HTTPException as error:
            raise ConnectionError(type(error).__name__) from error

    def _post(self, path: str, **fields: str) -> None:
        page = self._opener.open(f"{self._url}/login", timeout=_SECONDS).read().decode()
        found = _TOKEN.search(page)
        form = urlencode({"csrf_token": found[1] if found else "", **fields}).encode()
        self._opener.open(f"{self._url}{path}", form, timeout=_SECONDS).read()
