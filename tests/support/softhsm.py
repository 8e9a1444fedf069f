"""A SoftHSM2 with tokens of its own, for this test process alone."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pkcs11

MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
           Path("/usr/lib64/pkcs11/libsofthsm2.so"), Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"))
PIN = "246813"


@dataclass(frozen=True)
class SoftHsm:
    module: str
    folder: Path

    def make_token(self, label: str, pin: str = PIN) -> str:
        """A fresh token; returns its label."""
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "97531", "--pin", pin],
                       check=True, capture_output=True)
        return label

    def delete_token(self, label: str) -> None:
        """What drawing a card comes to."""
        subprocess.run(["softhsm2-util", "--delete-token", "--token", label], check=True, capture_output=True)

    def make_token_without_pin(self, label: str) -> str:
        """A token as its security officer leaves it: nobody has set its user's PIN."""
        code = ("import ctypes, pkcs11, sys\n"
                "slot = next(s for s in pkcs11.lib(sys.argv[1]).get_slots() if not s.get_token().label)\n"
                "label = sys.argv[2].encode().ljust(32)\n"
                "assert ctypes.CDLL(sys.argv[1]).C_InitToken(ctypes.c_ulong(slot.slot_id), b'97531', "
                "ctypes.c_ulong(5), label) == 0\n")
        subprocess.run([sys.executable, "-c", code, self.module, label], check=True)
        return label

    def open_sessions(self, label: str) -> int:
        """How many sessions this process has open on a token (SoftHSM tells no count, so all handles are tried)."""
        token = pkcs11.lib(self.module).get_token(token_label=label)
        with token.open() as newest:
            highest = newest.handle
        library, info = ctypes.CDLL(self.module), (ctypes.c_ulong * 4)()
        return sum(library.C_GetSessionInfo(ctypes.c_ulong(handle), info) == 0 and info[0] == token.slot.slot_id
                   for handle in range(1, highest))

    def configuration(self, name: str = "softhsm2", extra: str = "") -> Path:
        """A configuration file for these tokens."""
        path = self.folder / f"{name}.conf"
        path.write_text(f"directories.tokendir = {self.folder / 'tokens'}\nobjectstore.backend = file\n"
                        f"log.level = ERROR\n{extra}")
        return path


@cache
def soft_hsm() -> SoftHsm:
    """The library reads its configuration when it is loaded, so there is one for the whole process."""
    folder = Path(mkdtemp(prefix="softhsm-"))
    atexit.register(_remove, folder, os.getpid())
    (folder / "tokens").mkdir()
    hsm = SoftHsm(str(next(one for one in MODULES if one.exists())), folder)
    os.environ["SOFTHSM2_CONF"] = str(hsm.configuration())
    return hsm


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)
