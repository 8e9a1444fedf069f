"""A gallery of the frame and every macro with sample data, under the same strict Content-Security-Policy.

Look at it with ``python -m tests.browser.gallery_app`` (http://127.0.0.1:5099); the browser tests walk it too.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace as Box
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Flask, Response, render_template, request
from flask_babel import Babel, get_translations
from jinja2 import ChoiceLoader, FileSystemLoader
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from svc.formatting import Formatter
from svc.schema_form import build_form, parse_form

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "templates" / "html"
STATIC = ROOT / "svc" / "static"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
NAV = (
    ("Kotak masuk", "/inbox", "inbox", 7),
    ("Naskah", "/list", "files", 0),
    ("Register", "/pieces", "book-2", 0),
    ("Verifikasi", "/verify", "shield-check", 0),
    ("Kinerja", "/metrics", "chart-bar", 0),
    ("Administrasi", "/form/kgb", "settings", 0),
)
ERRORS = ("400", "403", "404", "409", "413", "429", "500")
PAGES = (
    "/inbox",
    "/inbox?acting=1",
    "/empty",
    "/list",
    "/decree",
    "/form/kgb",
    "/form/keputusan",
    "/pieces",
    "/metrics",
    "/verify",
    "/login",
    *(f"/errors/{number}" for number in ERRORS),
)


def serve_static(filename: str) -> Response:
    """A static file, read whole: a browser that hangs up must leave no file open behind."""
    path = safe_join(str(STATIC), filename)
    if path is None or not Path(path).is_file():
        raise NotFound
    return Response(Path(path).read_bytes(), mimetype=mimetypes.guess_type(filename)[0] or "application/octet-stream")


def create_gallery() -> Flask:
    """The gallery as an application; it needs no database."""
    app = Flask("gallery", static_folder=None)
    app.add_url_rule("/static/<path:filename>", "static", serve_static)
    app.config.update(SECRET_KEY="gallery", BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "svc" / "translations"))
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(str(Path(__file__).parent / "gallery")), FileSystemLoader(str(HTML))]
    )
    Babel(app, default_locale="id", locale_selector=lambda: request.args.get("lang", "id"))
    app.jinja_env.globals.update(asset_url=asset_url, csrf_token=lambda: "token")
    app.context_processor(frame_context)
    app.url_build_error_handlers.append(lambda error, endpoint, values: f"/{endpoint}")
    app.after_request(add_policy)
    add_routes(app)
    return app


def asset_url(path: str) -> str:
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


def add_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


def frame_context() -> dict[str, Any]:
    language = request.args.get("lang", "id")
    acting = "acting" in request.args
    person = Box(
        name="Contoh Pertama",
        initials="CP",
        is_definitive=not acting,
        acting_as="Plt. Kepala Badan Kepegawaian Daerah" if acting else "Kepala Badan Kepegawaian Daerah",
        acting_options=[
            Box(label="Kepala Badan Kepegawaian Daerah", url="#", active=True),
            Box(label="Plt. Sekretaris Daerah", url="#", active=False),
        ],
    )
    anonymous = request.path.startswith(("/login", "/verify", "/errors"))
    return {
        "locale": language,
        "organisation": "Provinsi Nusa Mandala",
        "current_person": None if anonymous else person,
        "notices_url": "/pieces",
        "notices_count": 3,
        "account_url": "#",
        "nav_items": [
            Box(label=label, url=url, icon=icon, badge=badge, active=request.path == url)
            for label, url, icon, badge in NAV
        ],
        "max_upload_mb": 20,
        "fmt": Formatter(Locale(language), ZoneInfo("Asia/Makassar"), NOW, translations=get_translations()),
        "now": NOW,
        "can": lambda permission: True,
        "link_with": lambda endpoint, **values: f"/{endpoint}",
    }


def add_routes(app: Flask) -> None:
    app.add_url_rule("/favicon.ico", "favicon", lambda: serve_static("favicon.svg"))
    app.add_url_rule("/inbox", view_func=inbox)
    app.add_url_rule("/empty", view_func=empty)
    app.add_url_rule("/list", view_func=tracking)
    app.add_url_rule("/decree", view_func=decree)
    app.add_url_rule("/form/<kind>", view_func=form, methods=["GET", "POST"])
    app.add_url_rule("/sample.pdf", view_func=sample)
    app.add_url_rule("/preview/<kind>", view_func=preview, methods=["POST"])
    app.add_url_rule("/metrics.json", view_func=figures)
    for name in ("pieces", "verify", "metrics"):
        app.add_url_rule(f"/{name}", name, lambda name=name: render_template(f"gallery_{name}.html"))
    app.add_url_rule(
        "/login",
        "login",
        lambda: render_template(
            "auth/login.html",
            username="",
            demo_password="peragaan-2026",
            verify_url="/verify",
            demo_accounts=[
                Box(username="juru", name="Contoh Kedua", role="Analis SDM Aparatur"),
                Box(username="kepala", name="Contoh Pertama", role="Kepala Badan Kepegawaian Daerah"),
            ],
        ),
    )
    app.add_url_rule("/decrees.pdf", "pdf", sample)
    app.add_url_rule(
        "/search",
        "search",
        lambda: render_template(
            "decrees/_hits.html",
            text=request.args.get("q", ""),
            hits=[
                Box(decree_id="x", subject="Kenaikan Gaji Berkala a.n. Contoh Ketiga", number=None, status="in_review")
            ],
        ),
    )
    app.add_url_rule(
        "/errors/<number>",
        "errors",
        lambda number: render_template(
            f"errors/{number}.html",
            request_id="7f3a-91c2",
            retry_after=30,
            reload_url="/decree",
            changes=[Box(what="Dikembalikan untuk perbaikan", who="Contoh Ketiga", at=NOW)] if number == "409" else [],
        ),
    )


def _item(number: int, kind: str, subject: str, hours: int, task_kind: str = "paraf") -> Box:
    return Box(
        task_id=str(number),
        decree_id=str(number),
        kind=kind,
        subject=subject,
        unit_name="Subbagian Kepegawaian",
        drafter_name="Contoh Kedua",
        version_no=1 + number % 3,
        task_kind=task_kind,
        due_at=NOW + timedelta(hours=hours),
        updated_at=NOW - timedelta(hours=abs(hours)),
        number=None,
        signatures_given=0,
        signatures_needed=2 if number == 4 else 1,
        waits_for="Kepala Bidang Mutasi",
        medium="electronic",
        status=("draft", "in_review", "ready_to_sign", "issued", "rejected")[number % 5],
        legal_status="none",
        created_at=NOW - timedelta(days=number * 9),
    )


ITEMS = [
    _item(1, "kgb", "Kenaikan Gaji Berkala a.n. Contoh Ketiga, Penata Muda Tingkat I", -30),
    _item(
        2, "surat-izin", "Izin penelitian pada kawasan hutan lindung Gunung Seruni bagi Universitas Contoh", -5, "sign"
    ),
    _item(3, "surat-tugas", "Pendampingan pemutakhiran data kepegawaian di tujuh kabupaten", 3),
    _item(4, "keputusan", "Pembentukan Tim Pelaksana Penyederhanaan Proses Bisnis Tahun Anggaran 2026", 26, "sign"),
    _item(5, "surat-dinas", "Undangan rapat koordinasi", 120, "distribute"),
]
KINDS = {
    "kgb": "Kenaikan Gaji Berkala",
    "surat-izin": "Surat Izin",
    "surat-tugas": "Surat Tugas",
    "keputusan": "Keputusan",
    "surat-dinas": "Surat Dinas",
}


def inbox() -> str:
    page = Box(items=ITEMS, prev_cursor=None, next_cursor="x")
    return render_template(
        "inbox/index.html", kinds=KINDS, inbox=Box(counts=Box(open=1204, overdue=2), returned=[ITEMS[3]], page=page)
    )


def empty() -> str:
    page = Box(items=[], prev_cursor=None, next_cursor=None)
    return render_template(
        "inbox/index.html", kinds=KINDS, inbox=Box(counts=Box(open=0, overdue=0), returned=[], page=page)
    )


def tracking() -> str:
    wanted = Box(
        text="",
        status="",
        kind="",
        unit_code="",
        order="newest",
        mine=False,
        overdue=True,
        created_from=None,
        created_to=None,
        signed_from=None,
        signed_to=None,
        medium="",
    )
    return render_template(
        "decrees/index.html",
        wanted=wanted,
        units=[Box(code="BKD", name="Badan Kepegawaian Daerah", depth=0)],
        kinds=[Box(id=key, short_title=title) for key, title in KINDS.items()],
        page=Box(items=ITEMS, prev_cursor=None, next_cursor="x"),
    )


def decree() -> str:
    actions = Box(
        approve=True,
        sign=False,
        distribute=False,
        submit=False,
        give_back=True,
        reject=True,
        withdraw=False,
        reassign=True,
        discard=False,
        duplicate=True,
        set_legal_status=False,
    )
    timeline = [
        Box(
            title="Konsep", state="done", who="Contoh Kedua", capacity="Analis SDM Aparatur", at=NOW - timedelta(days=1)
        ),
        Box(
            title="Paraf Kasubbid",
            state="returned",
            who="Contoh Keempat",
            at=NOW - timedelta(hours=20),
            waited="menunggu 2 jam",
            note="Masa kerja pada baris kedua keliru; periksa SK terakhir.",
        ),
        Box(title="Paraf Kabid", state="current", mine=True, waited="norma 4 jam", who="", at=None, note=""),
        Box(title="Nomor", state="upcoming"),
        Box(title="Tanda tangan elektronik", state="upcoming"),
        Box(title="Kirim", state="upcoming"),
    ]
    view = Box(
        subject=ITEMS[0].subject,
        unit_name="Subbagian Kepegawaian",
        version_no=2,
        lock_version=5,
        legal_status="none",
        status="in_review",
        number="",
        public_id="abc",
        kin=Box(parent=None, is_parent=False),
        batch=None,
        pdf_sha256="3f" * 32,
        issued_on=None,
        drafter_name="Contoh Kedua",
        created_at=NOW - timedelta(days=2),
        signatures=[],
        signers=[],
        signatures_given=0,
        next_signer=None,
        verify_code="",
        last_return=None,
        actions=actions,
        timeline=timeline,
        open_task=Box(
            task_id="1", due_at=NOW + timedelta(hours=30), step_title="Paraf", position_title="Kepala Bidang Mutasi"
        ),
        versions=[Box(version_no=1, created_by="Contoh Kedua", updated_at=NOW, pdf_sha256="3f" * 32)],
        history=[Box(type="submitted", actor_name="Contoh Kedua", actor_capacity="Analis", at=NOW, reason="")],
    )
    return render_template(
        "decrees/show.html",
        decree=view,
        kind=Box(title="Kenaikan Gaji Berkala"),
        event_titles={"submitted": "Diajukan"},
        position_choices=[],
        decree_timeline=lambda items: items,
    )


def form(kind: str) -> str:
    folder = ROOT / "templates" / "decrees" / kind
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    data = json.loads((folder / "example.json").read_text(encoding="utf-8"))
    if request.method == "POST":
        return Response(json.dumps(parse_form(schema, request.form.items(multi=True))), mimetype="application/json")  # type: ignore[return-value]
    first = next(iter(schema["properties"]))
    errors = {f"data.{first}": "Isian ini belum lengkap."} if "errors" in request.args else {}
    return render_template(
        "gallery_form.html",
        kind=kind,
        title=schema.get("title", kind),
        fields=build_form(schema, data, errors),
        errors=errors,
    )


def sample() -> Response:
    from svc.adapters.renderer import TypstRenderer
    from svc.kinds import KindCatalogue
    from svc.rendering import Letterhead, RenderRequest, SignatureBlock

    kind = request.args.get("kind", "kgb")
    data = json.loads((ROOT / "templates" / "decrees" / kind / "example.json").read_text(encoding="utf-8"))
    letterhead = Letterhead(
        organisation="PEMERINTAH PROVINSI NUSA MANDALA",
        unit_name="BADAN KEPEGAWAIAN DAERAH",
        address="Jalan Contoh Nomor 1",
        phone="(0000) 000000",
        email="bkd@example.go.id",
        website="bkd.example.go.id",
        place="Kota Contoh",
        emblem="region",
    )
    block = SignatureBlock(
        lines=("KEPALA BADAN KEPEGAWAIAN DAERAH,",),
        name="Contoh Pertama",
        rank="Pembina Utama Muda",
        nip="190001011900011001",
    )
    rendered = TypstRenderer(KindCatalogue.load()).render(
        RenderRequest(
            kind_id=kind,
            data=data,
            letterhead=letterhead,
            signature_block=block,
            number=None,
            issued_on=None,
            place="Kota Contoh",
            verify_url=None,
            stage="draft",
        )
    )
    return Response(rendered.pdf, mimetype="application/pdf")


def preview(kind: str) -> Response:
    return sample()


def figures() -> Response:
    groups = [
        {
            "key": f"2026-{month:02d}",
            "signed_electronic": 40 + month * 9,
            "signed_paper": 60 - month * 4,
            "median_minutes": 900 - month * 30,
            "p90_minutes": 2400 - month * 70,
        }
        for month in range(1, 12)
    ]
    return Response(json.dumps({"groups": groups}), mimetype="application/json")


if __name__ == "__main__":
    create_gallery().run(port=5099)
