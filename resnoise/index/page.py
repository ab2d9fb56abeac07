"""The index as a folder of plain files, of which `index.html` is the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from resnoise import methods
from resnoise.config.nested import sha256_of
from resnoise.errors import ConfigError, StorageError
from resnoise.index.facets import facets_of, first_choice, values_of
from resnoise.index.lines import Line, lines_of, recipe_in_words
from resnoise.report.comparisons import comparisons_in
from resnoise.report.html import render
from resnoise.report.published_tables import published_figures
from resnoise.report.table import percent, significant
from resnoise.report.writer import read_report, write_documents
from resnoise.training.by_hash import checkpoints_by_hash
from resnoise.utils.files import ensure_directory, exclusive, write_text
from resnoise.utils.progress import Progress, silent

_TESTED = {
    "better": ("▲", "better", "significantly better than"),
    "worse": ("▼", "worse", "significantly worse than"),
    "n.s.": ("≈", "even", "no significant difference to"),
    "mixed": ("≷", "even", "tests or seeds do not agree which is ahead, against"),
}


def write_index(
    tables: Path,
    out: Path,
    *,
    checkpoints: Path | None = None,
    docs: str = "",
    progress: Progress = silent,
) -> Path:
    """Write one page over all comparisons in a folder, and what it links to beside it.

    `tables/NAME/` has the documents and the records of each comparison, `recipes/` every recipe,
    `checkpoints/` the networks that there are weights of.

    Args:
        tables: folder of comparisons, each a folder with `records.json`.
        out: folder to write to, made where there is none.
        checkpoints: folder with the checkpoints of the networks; default is `checkpoints` beside
            `tables`, where there is one.
        docs: web address of the documentation, relative to the page or not; no link if empty.
        progress: told of every comparison.

    Returns:
        Path of the page.

    Raises:
        RecordError: there is no comparison, or one is not valid.
        CheckpointError: a checkpoint is damaged.
        StorageError: a file cannot be written.
    """
    found = comparisons_in(tables)
    reports = {}
    published = published_figures(methods.reported_as)
    for index, comparison in enumerate(found, start=1):
        report = read_report(comparison.store, reference=comparison.reference, published=published)
        folder = out / "tables" / comparison.name
        write_documents(report, folder)
        _copy(comparison.store.path, folder)
        reports[comparison.name] = comparison, report
        progress(index, len(found), comparison.name)
    lines = lines_of(reports)
    weights = _copy_checkpoints(
        lines, tables.parent / "checkpoints" if checkpoints is None else checkpoints, out
    )
    recipes = _write_recipes(lines, out)
    with exclusive(out):
        write_text(out / "index.html", _page(lines, weights, recipes, docs))
    return out / "index.html"


def _page(
    lines: Sequence[Line], weights: Mapping[str, str], recipes: Mapping[str, str], docs: str
) -> str:
    here = files("resnoise.index")
    return render(
        "index/index.html.jinja",
        divisions={
            name: [line for line in lines if line.row.division == name]
            for name in ("plain", "open")
        },
        comparisons=len({line.comparison for line in lines}),
        facets=facets_of(lines),
        chosen=first_choice(lines),
        values=values_of,
        tested=_TESTED,
        percent=percent,
        significant=significant,
        in_words=recipe_in_words,
        papers=_papers({line.row.method for line in lines}),
        weights=weights,
        recipes=recipes,
        sha256_of=sha256_of,
        docs=docs,
        own_style=Markup(here.joinpath("index.css").read_text(encoding="utf-8")),
        script=Markup(here.joinpath("index.js").read_text(encoding="utf-8")),
    )


def _papers(names: Iterable[str]) -> dict[str, str]:
    """Web address of each method's paper; none of methods that are not installed."""
    found = {}
    for name in names:
        try:
            found[name] = methods.get(name).paper
        except ConfigError:
            found[name] = ""
    return found


def _copy_checkpoints(lines: Iterable[Line], folder: Path, out: Path) -> dict[str, str]:
    """Copy the networks of these lines; where each is, by the hash of its weights."""
    wanted = {record.checkpoint_sha256 for line in lines for record in line.records}
    found = {}
    for sha256, path in checkpoints_by_hash(folder).items():
        if sha256 in wanted:
            place = Path("checkpoints", path.parent.relative_to(folder))
            for file in (path, *path.parent.glob("best-*.safetensors")):
                _copy(file, out / place)
            found[sha256] = (place / path.name).as_posix()
    return found


def _write_recipes(lines: Iterable[Line], out: Path) -> dict[str, str]:
    """Write every recipe once; where each is, by its hash."""
    recipes = {sha256_of(line.recipe): line.recipe for line in lines}
    places = {sha256: f"recipes/{sha256[:12]}.json" for sha256 in recipes}
    with exclusive(out / "recipes"):
        for sha256, place in places.items():
            write_text(out / place, json.dumps(recipes[sha256], indent=2) + "\n")
    return places


def _copy(file: Path, folder: Path) -> None:
    ensure_directory(folder)
    try:
        shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise StorageError(f"cannot copy {file} to {folder} ({error.strerror})") from error
