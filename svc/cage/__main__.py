"""``python -I svc/cage/__main__.py FD``: the zygote. By its path, since an isolated interpreter knows no other way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from svc.cage.worker import main

if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
