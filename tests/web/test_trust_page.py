"""The page on which administrators decide whom to trust."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from certs.ca import create_development_pki
from svc.deps import Deps
from svc.services import anchors
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


@pytest.fixture(scope="module")
def root() -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    from tests.support.clock import TUESDAY_MORNING

    return create_development_pki("Instansi Lain", TUESDAY_MORNING).root.certificate.public_bytes(Encoding.PEM)


def test_an_administrator_adds_confirms_and_withdraws(log_in: LogIn, deps: Deps, root: bytes) -> None:
    admin = log_in("admin")
    assert "Belum ada penerbit lain" in admin.get("/admin/trust").get_data(as_text=True)
    bad = admin.post("/admin/trust", {"file": (io.BytesIO(b"x"), "a.pem"), "purpose": "both"})
    assert bad.status_code == 422
    assert "bukan sertifikat" in bad.get_data(as_text=True)
    assert admin.post("/admin/trust", {"file": (io.BytesIO(root), "a.pem"), "purpose": "both"}).status_code == 302
    (one,) = anchors.list_all(deps, None)
    page = admin.get("/admin/trust").get_data(as_text=True)
    assert one.fingerprint in page
    assert "Calon" in page
    found = re.search(r"/admin/trust/([\w-]+)/confirm", page)
    assert found
    wrong = admin.post(found.group(0), {"fingerprint": "0" * 16})
    assert wrong.status_code == 422
    assert "bukan sidik jari sertifikat ini" in wrong.get_data(as_text=True)
    assert anchors.list_all(deps, None)[0].status == "candidate"
    assert admin.post(found.group(0), {"fingerprint": one.fingerprint[-19:]}).status_code == 302
    assert "Dipercaya" in admin.get("/admin/trust").get_data(as_text=True)
    assert admin.post(f"/admin/trust/{one.public_id}/withdraw").status_code == 302
    assert anchors.list_all(deps, None)[0].status == "withdrawn"


def test_what_lies_in_the_folders_is_shown_as_trusted(log_in: LogIn, deps: Deps, root: bytes) -> None:
    folder = deps.settings.var_dir / "trust" / "timestamp"
    folder.mkdir(parents=True)
    (folder / "lain.pem").write_bytes(root)
    page = log_in("admin").get("/admin/trust").get_data(as_text=True)
    (one,) = anchors.list_in_folders(deps, None)
    assert one.fingerprint in page
    assert "timestamp/lain.pem" in page
    assert "Belum ada penerbit lain" not in page


def test_others_see_nothing_of_it(log_in: LogIn, root: bytes) -> None:
    for username in ("analis", "kepala", "biro"):
        person = log_in(username)
        assert person.get("/admin/trust").status_code == 403
        assert person.post("/admin/trust", {"file": (io.BytesIO(root), "a.pem"), "purpose": "both"}).status_code == 403
