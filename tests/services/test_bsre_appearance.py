"""What BSrE draws, when an operator follows the habit of a visible signature: at our signature box, or at a mark."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import select

from certs.pades import SignatureBox, SignRequest
from certs.signers.port import ActivationRefused, ChunkSigner
from certs.validation import validate_pdf
from svc.adapters.bsre_backend import BsreBackend
from svc.deps import build_backends
from svc.models import Decree, StoredFile
from svc.ports import Activation, KeyElsewhere
from svc.services import key_registration, signing, trust
from svc.services.files import read_file, signature_boxes
from svc.settings import Settings, SettingsError
from svc.simulators.bsre_marks import draw_qr
from tests.support.acts import blank_pdf
from tests.support.bsre import NIK, PASSPHRASE, BsreKeys, BsreWorld
from tests.support.csc import KeepingLog
from tests.support.signers import trust_authority
from tests.support.world import World

SIGNER = "kepala"
KEY = KeyElsewhere("bsre", {}, None, (), NIK)
REQUEST = SignRequest(datetime(2026, 11, 2, tzinfo=UTC), "Penanda", box=SignatureBox(0, 10, 10, 210, 100))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "lambang.png"
    path.write_bytes(draw_qr("lambang contoh"))
    return str(path)


@dataclass(frozen=True)
class Signed:
    """A decree that went through the service: its bytes, and where its signature block lies."""

    pdf: bytes
    box: tuple[float, float, float, float]
    link: str
    passed: bool

    @property
    def widget(self) -> tuple[float, float, float, float]:
        with pikepdf.open(io.BytesIO(self.pdf)) as document:
            left, lower, right, upper = (float(one) for one in document.Root.AcroForm.Fields[0].Rect)
        return left, lower, right, upper

    @property
    def is_drawn(self) -> bool:
        with pikepdf.open(io.BytesIO(self.pdf)) as document:
            field = document.Root.AcroForm.Fields[0]
            return "/AP" in field and len(field.AP.N.Resources.get("/XObject", {})) > 0


def sign(world: World, gateway: BsreWorld, keys: BsreKeys, version: int, **settings: object) -> Signed:
    trust_authority(world, keys.authority)
    access = gateway.simulator.access
    offered = world.deps.settings.model_copy(update={
        "bsre_url": gateway.simulator.base_url, "bsre_version": version, "bsre_username": access.username,
        "bsre_password": SecretStr(access.password), **settings})
    deps = replace(world.deps, settings=offered, backends=build_backends(offered, world.deps.tsa, world.deps.clock))
    mine = World(deps, world.organisation)
    actor = mine.actor(SIGNER)
    key_registration.register_identity(deps, actor, actor.person_public_id, NIK)
    decree_id = mine.walk("ready_to_sign")
    task = mine.view(decree_id).open_task
    assert task is not None
    sheet = signing.prepare(deps, actor, task.task_id)
    signing.sign(deps, actor, task.task_id, sheet.lock_version, sheet.frozen_sha256, signing.StepUp(PASSPHRASE))
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        files = {one.sha256: one for one in session.scalars(
            select(StoredFile).where(StoredFile.decree_id == decree.id))}
        frozen, signed = files[decree.frozen_sha256 or ""], files[decree.signed_sha256 or ""]
        (_, *box), link = signature_boxes(frozen)[0], f"{offered.base_url}/v/{decree.verify_code}"
    pdf = read_file(deps, signed.object_key, signed.sha256)
    report = validate_pdf(pdf, trust.trust_store(deps), deps.clock.now())
    return Signed(pdf, (box[0], box[1], box[2], box[3]), link, report.passed and report.explained)


@pytest.mark.parametrize("version", [1, 2])
def test_invisible_is_the_default(world: World, gateway: BsreWorld, bsre_keys: BsreKeys, version: int) -> None:
    signed = sign(world, gateway, bsre_keys, version)
    assert signed.passed
    assert not signed.is_drawn


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("appearance", ["image", "qr"])
def test_drawn_at_the_signature_box(world: World, gateway: BsreWorld, bsre_keys: BsreKeys, picture: str,
                                    version: int, appearance: str) -> None:
    signed = sign(world, gateway, bsre_keys, version, bsre_appearance=appearance, bsre_image=picture)
    assert signed.passed
    assert signed.is_drawn
    assert signed.widget == pytest.approx(signed.box, abs=0.02)


def test_its_size_is_a_setting(world: World, gateway: BsreWorld, bsre_keys: BsreKeys, picture: str) -> None:
    signed = sign(world, gateway, bsre_keys, 2, bsre_appearance="image", bsre_image=picture, bsre_width=70,
                  bsre_height=70)
    left, lower, right, upper = signed.widget
    assert (left, lower) == pytest.approx(signed.box[:2], abs=0.02)
    assert (right - left, upper - lower) == pytest.approx((70, 70), abs=0.02)


@pytest.mark.parametrize("version", [1, 2])
def test_the_code_leads_to_the_page_of_this_decree(world: World, gateway: BsreWorld, bsre_keys: BsreKeys,
                                                   version: int) -> None:
    signed = sign(world, gateway, bsre_keys, version, bsre_appearance="qr", bsre_width=120, bsre_height=120)
    with pikepdf.open(io.BytesIO(signed.pdf)) as document:
        (drawn,) = document.Root.AcroForm.Fields[0].AP.N.Resources.XObject.values()
        shown = pikepdf.PdfImage(drawn).as_pil_image().convert("RGB")
    assert shown.tobytes() == Image.open(io.BytesIO(draw_qr(signed.link))).convert("RGB").tobytes()


@pytest.mark.parametrize("with_picture", [True, False])
def test_drawn_at_a_mark_in_the_text(world: World, gateway: BsreWorld, bsre_keys: BsreKeys, picture: str,
                                     *, with_picture: bool) -> None:
    signed = sign(world, gateway, bsre_keys, 2, bsre_appearance="tag", bsre_tag="Nomor", bsre_width=40,
                  bsre_height=30, bsre_image=picture if with_picture else "")
    assert signed.passed
    assert signed.is_drawn
    left, lower, right, upper = signed.widget
    assert (right - left, upper - lower) == pytest.approx((40, 30), abs=0.02)
    assert lower > signed.box[3]


def backend(world: World, gateway: BsreWorld, **settings: object) -> BsreBackend:
    access = gateway.simulator.access
    return BsreBackend(world.deps.settings.model_copy(update={
        "bsre_url": gateway.simulator.base_url, "bsre_username": access.username,
        "bsre_password": SecretStr(access.password), **settings}))


@pytest.mark.parametrize("name", ["totp", "otp"])
def test_what_a_code_is_called_is_a_setting(world: World, gateway: BsreWorld, name: str) -> None:
    log = KeepingLog()
    signer = backend(world, gateway, bsre_totp_name=name).signer(KEY, Activation("", "000000"), log)
    with pytest.raises(ActivationRefused):
        signer.sign(blank_pdf(), REQUEST)
    assert {"totp", "otp"} & set(log.calls[-1].request) == {name}


@pytest.mark.parametrize(("corner", "sizes"), [(True, ("210", "100")), (False, ("200", "90"))])
def test_what_width_and_height_mean_in_version_1_is_a_setting(
    world: World, gateway: BsreWorld, picture: str, *, corner: bool, sizes: tuple[str, str]
) -> None:
    log = KeepingLog()
    made = backend(world, gateway, bsre_version=1, bsre_appearance="image", bsre_image=picture,
                   bsre_corner_sizes=corner)
    with pytest.raises(ActivationRefused):
        made.signer(KEY, Activation("sandi tebakan"), log).sign(blank_pdf(), REQUEST)
    assert (log.calls[-1].request["width"], log.calls[-1].request["height"]) == sizes


@pytest.mark.parametrize(("page", "told"), [("box", ("page", "1")), ("first", ("halaman", "first")),
                                            ("last", ("halaman", "last"))])
def test_how_version_1_is_told_the_page_is_a_setting(
    world: World, gateway: BsreWorld, picture: str, page: str, told: tuple[str, str]
) -> None:
    log = KeepingLog()
    made = backend(world, gateway, bsre_version=1, bsre_appearance="image", bsre_image=picture, bsre_page=page)
    with pytest.raises(ActivationRefused):
        made.signer(KEY, Activation("sandi tebakan"), log).sign(blank_pdf(), REQUEST)
    sent = log.calls[-1].request
    assert [(name, sent[name]) for name in ("page", "halaman") if name in sent] == [told]


def test_drawn_on_the_last_page_where_version_1_is_told_so(
    world: World, gateway: BsreWorld, bsre_keys: BsreKeys, picture: str
) -> None:
    signed = sign(world, gateway, bsre_keys, 1, bsre_appearance="image", bsre_image=picture, bsre_page="last")
    assert signed.passed
    with pikepdf.open(io.BytesIO(signed.pdf)) as document:
        drawn = [number for number, page in enumerate(document.pages)
                 if any("/FT" in one or "/Parent" in one for one in page.get("/Annots", []))]
        assert drawn == [len(document.pages) - 1]


def test_version_2_knows_no_such_word_which_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="need bsre_version=1"):
        Settings.from_env({"PARAF_VAR_DIR": str(tmp_path), "PARAF_BSRE_PAGE": "last"}, env_file=None)


def test_how_many_files_a_call_takes_is_a_setting(world: World, gateway: BsreWorld) -> None:
    signer = backend(world, gateway, bsre_max_files=3).signer(KEY, Activation(PASSPHRASE), KeepingLog())
    assert isinstance(signer, ChunkSigner)
    assert signer.most == 3


def test_a_picture_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs bsre_image"):
        Settings.from_env({"PARAF_VAR_DIR": str(tmp_path), "PARAF_BSRE_APPEARANCE": "image"}, env_file=None)
    path = tmp_path / "gambar.png"
    chosen = {"bsre_appearance": "image", "bsre_image": str(path)}
    settings = Settings.from_env({"PARAF_VAR_DIR": str(tmp_path)}, env_file=None).model_copy(update=chosen)
    with pytest.raises(ValueError, match="cannot be read"):
        BsreBackend(settings)
    path.write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        BsreBackend(settings)
