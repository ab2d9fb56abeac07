"""Writes the whole set of versions that this Python installs: `python3.12 constraints/write.py`.

`constraints.txt` has the versions of what this package asks for by name. What these need in turn is
what pip finds on the day that this is run; nothing is installed. Left out is what only the CUDA
builds of torch need.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "all,bench,docs,peers,test"
OF_CUDA = ("nvidia-", "cuda-", "triton")
HEADER = (
    "# Versions that install and work together on Python {version}; made by constraints/write.py.\n"
)


def resolved(directory: Path) -> list[str]:
    """`name==version` of everything that the package and its extras need, sorted."""
    venv.create(directory, with_pip=True)
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)  # an old one has no report
    report = directory / "report.json"
    options = ["--dry-run", "--ignore-installed", "--report", str(report)]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *options, *constraints, f"{ROOT}[{EXTRAS}]"], check=True)
    found = json.loads(report.read_text())["install"]
    names = {p["metadata"]["name"].lower().replace("_", "-"): p["metadata"] for p in found}
    kept = {n: p for n, p in names.items() if n != "resnoise" and not n.startswith(OF_CUDA)}
    return [f"{name}=={kept[name]['version'].partition('+')[0]}" for name in sorted(kept)]


def main() -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    with tempfile.TemporaryDirectory() as folder:
        lines = resolved(Path(folder) / "venv")
    path = ROOT / "constraints" / f"{version}.txt"
    path.write_text(HEADER.format(version=version) + "\n".join(lines) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
