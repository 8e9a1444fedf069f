"""A SoftHSM2 with tokens of its own, for this test process alone."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
           Path("/usr/lib64/pkcs11/libsofthsm2.so"), Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"))
PIN = "246813"


@dataclass(frozen=True)
class SoftHsm:
    module: str

    def make_token(self, label: str, pin: str = PIN) -> str:
        """A fresh token; returns its label."""
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "97531", "--pin", pin],
                       check=True, capture_output=True)
        return label


@cache
def soft_hsm() -> SoftHsm:
    """The library reads its configuration when it is loaded, so there is one for the whole process."""
    folder = Path(mkdtemp(prefix="softhsm-"))
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    return SoftHsm(str(next(one for one in MODULES if one.exists())))
