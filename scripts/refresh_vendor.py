"""Fetch the vendored front-end libraries again: ``python scripts/refresh_vendor.py [--check]``.

The service needs no Node and no network at run time: what the browser loads lies in ``svc/static/vendor``.
To raise a version, change it in ``PACKAGES`` below, run this script (it needs ``npm`` and a package index),
change the same version in ``templates/html/_vendor.html``, look at the screens, and commit both.

Each library gets its own folder ``<name>-<version>`` with its licence, so that a browser can never mix two
versions. ``MANIFEST.toml`` records name, version, licence, source package and the SHA-256 of every file;
``--check`` compares the tree with it and needs no network.

Icons become one SVG sprite that holds only those named in ``icons.txt``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "svc" / "static" / "vendor"
TEST_VENDOR = ROOT / "tests" / "browser" / "vendor"
SOURCE_MAP_LINE = re.compile(rb"\n?(//|/\*)# sourceMappingURL=\S+(\s*\*/)?\s*$")


@dataclass(frozen=True)
class Package:
    """One package of the index and the files of it that we ship (glob → folder below ours)."""

    source: str
    version: str
    licence: str
    files: tuple[tuple[str, str], ...]
    folder: Path = VENDOR
    licence_text: str = ""  # for a package that ships no licence file of its own

    @property
    def name(self) -> str:
        return self.source.lstrip("@").replace("/", "-")

    @property
    def target(self) -> Path:
        return self.folder / f"{self.name}-{self.version}"


MIT = """MIT License

{holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
"""

ICONS = Package("@tabler/icons", "3.52.0", "MIT", (("LICENSE", "."),))
PACKAGES = (
    Package(
        "@tabler/core",
        "1.6.1",
        "MIT",
        (("dist/css/tabler.min.css", "."),),
        licence_text=MIT.format(
            holders="Copyright (c) 2018-2026 The Tabler Authors\n"
            "Copyright (c) 2018-2026 codecalm.net Paweł Kuna\n"
            "Contains Bootstrap, copyright (c) 2011-2025 The Bootstrap Authors, and Popper,\n"
            "copyright (c) 2019 Federico Zivolo, both under the MIT License as well"
        ),
    ),
    ICONS,
    Package("htmx.org", "2.0.11", "0BSD", (("LICENSE", "."), ("dist/htmx.min.js", "."))),
    Package(
        "pdfjs-dist",
        "6.5.438",
        "Apache-2.0",
        (
            ("LICENSE", "."),
            # the legacy build runs on the office laptops' older browsers
            ("legacy/build/pdf.min.mjs", "."),
            ("legacy/build/pdf.worker.min.mjs", "."),
            # scans use JBIG2 and JPEG 2000; WebAssembly would need a laxer CSP, so the plain scripts
            ("wasm/*_nowasm_fallback.js", "decoders"),
            ("wasm/LICENSE_*JBIG2", "decoders"),
            ("wasm/LICENSE_*OPENJPEG", "decoders"),
            ("standard_fonts/*", "standard_fonts"),
        ),
    ),
    Package(
        "echarts",
        "6.1.0",
        "Apache-2.0",
        (("LICENSE", "."), ("NOTICE", "."), ("licenses/*", "licenses"), ("dist/echarts.common.min.js", ".")),
    ),
    Package("axe-core", "4.14.1", "MPL-2.0", (("LICENSE", "."), ("axe.min.js", ".")), folder=TEST_VENDOR),
)


def fetch_package(package: Package, scratch: Path) -> Path:
    """Unpack the package below ``scratch`` and answer its folder."""
    archive_name = subprocess.run(
        ["npm", "pack", f"{package.source}@{package.version}", "--silent"],
        cwd=scratch,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[-1]
    unpacked = scratch / f"{package.name}-unpacked"
    with tarfile.open(scratch / archive_name) as archive:
        archive.extractall(unpacked, filter="data")
    return next(path for path in unpacked.iterdir() if path.is_dir())


def copy_files(package: Package, unpacked: Path) -> None:
    """Replace our folder of this package by the files it lists, without source-map references."""
    shutil.rmtree(package.target, ignore_errors=True)
    for pattern, below in package.files:
        matches = sorted(path for path in unpacked.glob(pattern) if path.is_file())
        if not matches:
            raise SystemExit(f"{package.source} {package.version} has no {pattern}")
        for source in matches:
            destination = package.target / below / source.name
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(SOURCE_MAP_LINE.sub(b"\n", source.read_bytes()))
    if package.licence_text:
        (package.target / "LICENSE").write_text(package.licence_text, encoding="utf-8")


def build_sprite(unpacked: Path) -> None:
    """Write ``sprite.svg`` with one ``<symbol id="i-…">`` for each icon named in ``icons.txt``."""
    names = sorted(set((VENDOR / "icons.txt").read_text(encoding="utf-8").split()))
    symbols = []
    for name in names:
        folder = "filled" if name.endswith("-filled") else "outline"
        source = unpacked / "icons" / folder / f"{name.removesuffix('-filled')}.svg"
        body = re.sub(r"<!--.*?-->", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)
        inner = body[body.index(">", body.index("<svg")) + 1 : body.rindex("</svg>")]
        inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "", inner)
        symbols.append(f'<symbol id="i-{name}" viewBox="0 0 24 24">{" ".join(inner.split())}</symbol>')
    sprite = '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    (ICONS.target / "sprite.svg").write_text(sprite, encoding="utf-8")


def manifest_of(folder: Path) -> str:
    """The manifest's text for the packages of one folder, with the digest of every file."""
    lines = ["# Written by scripts/refresh_vendor.py; do not edit.\n"]
    for package in (p for p in PACKAGES if p.folder == folder):
        lines.append("[[package]]")
        lines.append(f'name = "{package.name}"\nversion = "{package.version}"')
        lines.append(f'licence = "{package.licence}"\nsource = "npm:{package.source}"')
        lines.append("[package.sha256]")
        for path in sorted(p for p in package.target.rglob("*") if p.is_file()):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f'"{path.relative_to(folder).as_posix()}" = "{digest}"')
        lines.append("")
    return "\n".join(lines)


def check_tree() -> list[str]:
    """What differs between the tree and its manifests; empty when all is as recorded."""
    problems = []
    for folder in (VENDOR, TEST_VENDOR):
        written = (folder / "MANIFEST.toml").read_text(encoding="utf-8")
        recorded = tomllib.loads(written)["package"]
        now = tomllib.loads(manifest_of(folder))["package"]
        problems += [f"{a['name']} differs from its manifest" for a, b in zip(now, recorded, strict=True) if a != b]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the vendored front-end libraries again.")
    parser.add_argument("--check", action="store_true", help="only compare the tree with its manifests")
    parser.add_argument("--only", default="", help="name of the one package to fetch")
    options = parser.parse_args()
    if options.check:
        problems = check_tree()
        print("\n".join(problems) or "The vendored files are as recorded.")
        return 1 if problems else 0
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            if options.only and package.name != options.only:
                continue
            print(f"{package.source} {package.version}", flush=True)
            unpacked = fetch_package(package, Path(scratch))
            copy_files(package, unpacked)
            if package is ICONS:
                build_sprite(unpacked)
    for folder in (VENDOR, TEST_VENDOR):
        (folder / "MANIFEST.toml").write_text(manifest_of(folder), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
