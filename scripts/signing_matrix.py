"""Write docs/signing-matrix.md: sign with every backend at every level, and judge what comes out.

Needs SoftHSM2 and poppler-utils.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.signing_matrix import all_lines, text  # noqa: E402

TARGET = ROOT / "docs" / "signing-matrix.md"


if __name__ == "__main__":
    TARGET.write_text(text(all_lines()), "utf-8")
