"""Train, convert, evaluate and report a whole plan; a second call resumes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resnoise.analysis.significance import Reference
from resnoise.compare.beside import place_networks
from resnoise.compare.consistency import (
    default_reference,
    require_reference,
    require_same_data,
    require_same_recipes,
)
from resnoise.compare.evaluations import evaluate_all
from resnoise.compare.plan import Plan, RunOptions
from resnoise.compare.trainings import train_all
from resnoise.records.provenance import provenance
from resnoise.records.store import RecordStore
from resnoise.report.published_tables import Published
from resnoise.report.sections import Report
from resnoise.report.writer import read_report, write_documents
from resnoise.utils.files import alone
from resnoise.utils.progress import Announce, silence


class Comparison(NamedTuple):
    """What a comparison found.

    Attributes:
        report: its tables, tests and figures.
        written: paths of the documents that hold them.
    """

    report: Report
    written: list[Path]


def compare(
    plan: Plan,
    options: RunOptions,
    *,
    reference: Reference | None = None,
    published: Published | None = None,
    announce: Announce = silence,
) -> Comparison:
    """Run a comparison, and write its tables and its report.

    Args:
        plan: what to compare.
        options: where, and how many trainings at a time.
        reference: what every other row is tested against; by default `nq` where the records or
            the plan have it, else the first method of the records, or of the plan.
        published: figures to show beside, see `resnoise.report.write_report`.
        announce: told of every training and evaluation.

    Returns:
        What was found, and where it was written.

    Raises:
        RecordError: `options.out` holds records that are not valid, or of another recipe, other
            data or other weights.
        StorageError: `options.out` or `options.runs` cannot be written, or another comparison
            writes to it.
        Stopped: the deadline of `options.execution` came first.
        BackendError, CheckpointError, ConfigError, ConversionError, DataError, PreparationError,
            TrainingError: those of `resnoise.train` and of `resnoise.evaluate`.
    """
    provenance()  # read before the work
    store = RecordStore(options.out)
    store.check()
    reference = reference or default_reference(store, plan)
    require_reference(store, plan, reference)
    require_same_recipes(store, plan)
    require_same_data(store, plan)
    deadline = options.execution.deadline
    if options.executor.isolated and deadline is not None:
        # Asked here, for all: a job may have to wait in a queue until the time is over.
        deadline.require(0.0, "no job is submitted")
    with alone(options.out / ".lock", options.out):
        present = store.keys()
        todo = [cell for cell in plan.cells() if not present.issuperset(plan.keys(cell))]
        trained = place_networks(plan, options, todo)
        train_all(plan, options, [cell for cell in todo if cell not in trained], announce)
        evaluate_all(plan, options, todo, store, announce)
    expected = [key for cell in plan.cells() for key in plan.keys(cell)]
    report = read_report(store, reference=reference, published=published, expected=expected)
    return Comparison(report, write_documents(report, options.out))
