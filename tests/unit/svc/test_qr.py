"""Codes that are added up are the codes that the encoder makes."""

from __future__ import annotations

import io

import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from svc.qr import QrDrawer

TOKENS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=22, max_size=22)
DRAWER = QrDrawer()


def encode_alone(text: str) -> str:
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False, mask=3)
    code.save(out, kind="svg", border=2, xmldecl=False, svgns=True)
    return out.getvalue().decode()


@settings(deadline=None)
@given(token=TOKENS, origin=st.sampled_from(["https://paraf.nusamandala.example", "http://127.0.0.1:8000"]))
def test_it_draws_what_the_encoder_draws(token: str, origin: str) -> None:
    address = f"{origin}/v/{token}"
    assert DRAWER.draw(address) == encode_alone(address)


@pytest.mark.parametrize("text", ["8004712", "HTTPS://PARAF.EXAMPLE/V/ABCDEFGH", "naskah n° 5", "https://x.example/v/"])
def test_other_texts_are_left_to_the_encoder(text: str) -> None:
    assert DRAWER.draw(text) == encode_alone(text)


def test_a_reader_reads_it() -> None:
    from PIL import Image

    address = "https://paraf.nusamandala.example/v/Zk3xQ9r2LmN8pT5vWb7yC"
    DRAWER.draw(address + "a")
    svg = DRAWER.draw(address + "Z")
    side = int(svg.split('width="')[1].split('"')[0])
    picture = Image.new("L", (side * 8, side * 8), 255)
    x = y = 0
    for step in svg.split(' d="')[1].split('"')[0].replace("M", "m").split("m")[1:]:
        moves = step.split("h")
        right, down = moves[0].split(" ")
        x, y = x + int(right), y + int(float(down))
        length = int(moves[1])
        picture.paste(0, (x * 8, y * 8, (x + length) * 8, (y + 1) * 8))
        x += length
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == address + "Z"
