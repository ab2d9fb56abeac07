"""Put a first page before those that `asv publish` wrote, which become `graphs.html`.

python -m benchmarks.curves [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.curves.page import first_page
from benchmarks.curves.published import Published


def main(folder: Path) -> None:
    """Write the first page of a folder that asv has just written."""
    page = first_page(Published(folder))
    (folder / "index.html").replace(folder / "graphs.html")
    (folder / "index.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(*(sys.argv[1:] or [".asv/html"])))
