"""Writes a comparison's documents and figures to a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from resnoise.analysis.significance import Reference
from resnoise.errors import RecordError
from resnoise.records.record import RecordKey
from resnoise.records.store import RecordStore, load_trainings
from resnoise.report.documents import comparison_csv, latex_document, markdown_document
from resnoise.report.page import html_page
from resnoise.report.published_tables import Published
from resnoise.report.sections import Report, make_report
from resnoise.utils.files import ensure_directory, exclusive, slug, write_text


def write_report(
    directory: str | Path,
    *,
    reference: Reference,
    out: str | Path | None = None,
    published: Published | None = None,
    dataset: str | None = None,
    expected: Iterable[RecordKey] | None = None,
    tested: bool = False,
) -> list[Path]:
    """Write the comparison of the records in a directory, next to them or elsewhere.

    Args:
        directory: where `records.json` is, and `trainings/` if there is one.
        out: folder to write to, made where there is none; `directory` by default.
        reference: what every other row is tested against.
        published: figures that papers report.
        dataset: only this data set; all of them by default.
        expected: keys of the whole plan, so that what is missing of it can be listed.
        tested: refuse records without any of the reference; the tables only say so by default.

    Returns:
        Paths of `comparison.md`, `comparison.csv`, `comparison.tex` and `report.html`; the page's
        figures are in `figures/` too, one file each.

    Raises:
        RecordError: there are no records, they are not valid, or none is of the reference though
            `tested` asks for it.
        StorageError: a file cannot be written.
    """
    directory = Path(directory)
    report = read_report(
        RecordStore(directory),
        reference=reference,
        published=published,
        dataset=dataset,
        expected=expected,
        tested=tested,
    )
    return write_documents(report, directory if out is None else Path(out))


def read_report(
    store: RecordStore,
    *,
    reference: Reference,
    published: Published | None = None,
    dataset: str | None = None,
    expected: Iterable[RecordKey] | None = None,
    tested: bool = False,
) -> Report:
    """The comparison of the records in a store; arguments and errors are those of `write_report`.

    Args:
        store: the records, and `trainings/` beside them if there is one.
    """
    records = store.require()
    known = sorted({record.dataset for record in records})
    if dataset is not None and dataset not in known:
        raise RecordError(
            f"{store.directory} has no records of data set {dataset!r}, only of {', '.join(known)}"
        )
    chosen = [record for record in records if dataset in (None, record.dataset)]
    if tested:
        reference.require_in(chosen)
    return make_report(
        chosen,
        load_trainings(store.directory),
        reference=reference,
        published=published,
        expected=expected,
    )


def write_documents(report: Report, out: Path) -> list[Path]:
    """Write a comparison to a folder, which is made where there is none.

    Returns:
        Paths of the documents, see `write_report`.

    Raises:
        StorageError: a file cannot be written.
    """
    documents = {
        "comparison.md": markdown_document(report),
        "comparison.csv": comparison_csv(report),
        "comparison.tex": latex_document(report),
        "report.html": html_page(report),
    }
    figures = {
        f"figures/{slug(f'{section.name}-{figure.name}')}.svg": figure.file
        for section in report.sections
        for figure in section.figures
    }
    ensure_directory(out / "figures")
    with exclusive(out):
        for name, text in {**documents, **figures}.items():
            write_text(out / name, text)
    return [out / name for name in documents]
