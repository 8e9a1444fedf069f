"""The same letter as HTML, for whoever lays out pages with a browser's means."""

from __future__ import annotations

import html
from typing import Any

import segno

from svc.kinds import KindCatalogue
from svc.rendering import RenderRequest

_STYLE = """
@page { size: A4; margin: 2cm 2cm 2.5cm 3cm; @bottom-left { content: element(foot) } }
body { font: 12pt/1.2 "Liberation Sans", sans-serif }
footer { position: running(foot); font-size: 7pt; border-top: .5pt solid #777 }
h1 { font-size: 13pt; font-weight: normal; text-align: center; margin: 0; text-transform: uppercase }
h2 { font-size: 16pt; text-align: center; margin: 0; text-transform: uppercase }
header p { font-size: 8.5pt; text-align: center; margin: 0 } hr { border-top: 2pt solid }
td { vertical-align: top; padding: 0 4pt 2pt 0 } p { text-align: justify; margin: 4pt 0 }
.box { margin-left: 7.4cm; width: 8.6cm } .box img { width: 2.2cm; height: 2.2cm } ol { font-size: 10pt }
"""


def write_html(kinds: KindCatalogue, request: RenderRequest) -> str:
    """A whole page; the code is drawn as it is usually done, with the prettiest mask."""
    kind = kinds.get(request.kind_id)
    data: Any = kinds.present_data(kind, request.data)
    head, person, base, rise = request.letterhead, data["pegawai"], data["dasar"], data["kenaikan"]
    code = segno.make(request.verify_url or "", error="m").svg_data_uri(border=2)
    lines = "<br>".join(html.escape(line) for line in request.signature_block.lines)
    copies = "".join(f"<li>{html.escape(one)}</li>" for one in data["tembusan"])
    return f"""<!doctype html><html lang="id">
<head><title>{html.escape(kind.title)}</title><style>{_STYLE}</style></head>
<body><header><h1>{html.escape(head.organisation)}</h1><h2>{html.escape(head.unit_name)}</h2>
<p>{html.escape(head.address)}</p><p>{html.escape(head.phone)} {html.escape(head.email)}</p></header><hr>
<footer>Dokumen ini ditandatangani secara elektronik. Periksa di {html.escape(request.verify_url or "")}</footer>
{_table(("Nomor", request.number), ("Sifat", "Biasa"), ("Lampiran", "–"), ("Hal", "Kenaikan Gaji Berkala"))}
<p>Yth. {html.escape(data["tujuan"])}<br>di {html.escape(data["tujuan_di"])}</p>
<p>Dengan ini diberitahukan bahwa berhubung dengan telah dipenuhinya masa kerja dan syarat lainnya, kepada:</p>
{_table(("Nama", person["nama"]), ("NIP", person["nip"]), ("Pangkat", person["golongan"]),
        ("Jabatan", person["jabatan"]), ("Unit kerja", person["unit_kerja"]), ("Gaji pokok lama", _money(base)))}
<p>atas dasar surat keputusan terakhir tentang gaji/pangkat yang ditetapkan:</p>
{_table(("Oleh pejabat", base["pejabat"]), ("Tanggal", base["tanggal"]), ("Nomor", base["nomor"]),
        ("Berlaku mulai", base["tmt"]), ("Masa kerja", base["masa_kerja_tahun"]))}
<p>diberikan kenaikan gaji berkala hingga memperoleh:</p>
{_table(("Gaji pokok baru", _money(rise)), ("Masa kerja", rise["masa_kerja_tahun"]), ("Berlaku mulai", rise["tmt"]))}
<p>Diharapkan agar kepada Pegawai Negeri Sipil tersebut dibayarkan penghasilan berdasarkan gaji pokok yang baru sesuai
dengan {html.escape(str(data["dasar_hukum"]))}.</p>
<div class="box"><p>{lines}</p><img src="{code}" alt="Kode QR"><p>{html.escape(request.signature_block.name)}</p></div>
<ol>{copies}</ol></body></html>"""


def _table(*rows: tuple[str, object]) -> str:
    cells = "".join(f"<tr><td>{label}</td><td>:</td><td>{html.escape(str(value))}</td></tr>" for label, value in rows)
    return f"<table>{cells}</table>"


def _money(part: Any) -> str:
    return f"{part['gaji_pokok']['angka']} ({part['gaji_pokok']['terbilang']})"
