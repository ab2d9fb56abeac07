"""MkDocs hook: the site has the files of the repository at their own paths.

So a link from one Markdown file to another works on the site as it does on GitHub. `README.md` at
the root becomes the start page.
"""

from __future__ import annotations

import os
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation

# What `make site` puts beside the documentation; alone it has no links to them.
BESIDE = {"Index of all rows": "rows/index.html", "Curves over commits": "asv/index.html"}
ROOT = Path(__file__).resolve().parent.parent
# Pages, and what they link to or show.
PATTERNS = (
    "*.md",
    "LICENSE",
    "CITATION.cff",
    "baselines/published.csv",
    "docs/*.md",
    "docs/*.css",
    "results/README.md",
    "results/running/README.md",
    "results/tables/*/*.csv",
    "results/tables/*/*.md",
    "results/tables/*/figures/*.svg",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the repository's files in the place of those of `docs_dir`."""
    for path in Path(config.docs_dir).iterdir():
        if (file := files.get_file_from_path(path.name)) is not None:
            files.remove(file)
    for path in sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Link to what stands beside the documentation, where it is part of the whole site."""
    if os.environ.get("RESNOISE_SITE") == "whole":
        nav.items[1:1] = [Link(title, url) for title, url in BESIDE.items()]
    return nav
