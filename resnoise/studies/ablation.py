"""What each choice of a recipe is worth, judged on validation images alone.

The test split is not looked at: what is chosen here can be compared on it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from resnoise import methods
from resnoise.config.checks import require_distinct, require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.config.nested import differences, flat
from resnoise.config.recipe import Extensions, Recipe
from resnoise.conversion.activation import activations
from resnoise.datasets import DataOptions, load
from resnoise.errors import ConfigError
from resnoise.evaluation.accuracy import BACKEND, simulated_accuracies
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.records.provenance import Provenance, provenance
from resnoise.report.markup import markdown_table
from resnoise.report.provenance_tables import made_with
from resnoise.report.table import Table, cells, percent
from resnoise.studies.study import over_seeds, write_study
from resnoise.training.job import Job, predecessor
from resnoise.training.run_folders import train_in
from resnoise.utils.files import ensure_directory
from resnoise.utils.progress import Announce

_LEVELS = (1, 2, 4, 8)
_INDUCTION_TIMESTEPS = (1, 2, 4)
_RAMP = 0.25
_AVERAGING = 0.75
_NOTHING = "nothing"
# From the data, as published, and between the two.
_THRESHOLDS = ("data", 2.0, 8.0)


class Variant(NamedTuple):
    """One row of an ablation.

    Attributes:
        method: name of the method.
        change: how its recipe differs from the method's first row; empty there.
        recipe: what it trains with.
    """

    method: str
    change: str
    recipe: Recipe


def variants(recipes: Mapping[str, Recipe], start: str, only: Sequence[str] = ()) -> list[Variant]:
    """For each method its recipe as it is, and then with one thing changed at a time.

    Args:
        recipes: recipe by name of the method.
        start: method whose training the rows of `start_from` start from.
        only: what to change, for example `"activation.levels"`, of one method alone as
            `"nq:activation.levels"`, or `"nothing"`; everything by default.

    Raises:
        ConfigError: a method trains no source network, or `only` names what is never changed.
    """
    found = []
    for name, base in recipes.items():
        method = methods.get(name)
        if not isinstance(method, ConversionMethod):
            raise ConfigError(f"expected methods that train a source network, but got {name!r}")
        found.append(Variant(name, "", base))
        for recipe in _changed(base, start, method.induces_noise):
            found.append(Variant(name, _change(base, recipe), recipe))
    changes = {row: _names(row) for row in found if row.change}
    known = set().union(*changes.values())
    for name in only:
        if name != _NOTHING and name not in known:
            plain = ", ".join(sorted(change for change in known if ":" not in change))
            raise ConfigError(
                f"unknown change {name!r}; known: {_NOTHING}, {plain}; of one method: METHOD:CHANGE"
            )
    if not only:
        return found
    return [row for row in found if not row.change or changes[row] & set(only)]


def _names(variant: Variant) -> set[str]:
    """What `only` may call the change of a row: for every method, and for its own alone."""
    name = variant.change.partition(" = ")[0]
    return {name, f"{variant.method}:{name}"}


def _changed(base: Recipe, start: str, noisy: bool) -> Iterator[Recipe]:
    activation, induction = base.activation, base.induction
    yield replace(base, learning_rate=2 * base.learning_rate)
    for threshold in _THRESHOLDS:
        if threshold != activation.threshold:
            yield replace(base, activation=replace(activation, threshold=threshold))
    for levels in _LEVELS:
        if levels != activation.levels:
            yield replace(base, activation=replace(activation, levels=levels))
    for timesteps in _INDUCTION_TIMESTEPS:
        if timesteps != induction.timesteps:
            yield replace(base, induction=replace(induction, timesteps=timesteps))
    on = base.extensions.switched_on()
    for name, values in _switches(base.extensions, start, noisy).items():
        for value in [getattr(Extensions(), name)] if name in on else values:
            yield replace(base, extensions=replace(base.extensions, **{name: value}))


def _switches(base: Extensions, start: str, noisy: bool) -> dict[str, list[Any]]:
    """What each extension is set to where it is off."""
    switches: dict[str, list[Any]] = {"threshold_weight_decay": [False]}
    # A fine-tuning is too short to start from scratch.
    if not (base.start_epochs or base.start_learning_rate):
        switches["start_from"] = [start]
    if noisy:
        switches |= {
            "ramp": [_RAMP],
            "residual": ["local"],
            "distribution": ["measured"],
        }
    # The two do not go with a conditional distribution.
    if noisy and base.distribution != "conditional":
        switches |= {"averaging": [_AVERAGING], "compensate": [True]}
    if noisy and not (base.averaging or base.compensate):
        switches["distribution"].append("conditional")
    return switches


def _change(base: Recipe, recipe: Recipe) -> str:
    changed = differences(base.to_json(), recipe.to_json())
    return ", ".join(f"{name} = {value}" for name, (_, value) in changed.items())


@dataclass(frozen=True)
class Ablation:
    """What is ablated.

    Args:
        data: the data set.
        architecture: name from `resnoise.models.names()`.
        variants: the rows.
        timesteps: every T of the table.
        seeds: of the trainings; for `digits` also the folds of the cross-validation.
        runs: folder of checkpoints; trainings that are there are not repeated.
        execution: how trainings run.
    """

    data: DataOptions
    architecture: str
    variants: Sequence[Variant]
    timesteps: tuple[int, ...] = (1, 2, 4, 8)
    seeds: tuple[int, ...] = (0, 1, 2)
    runs: Path = Path("runs")
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)

    def __post_init__(self) -> None:
        require_timesteps("timesteps", self.timesteps)
        require_distinct("seeds", self.seeds)
        require_distinct("methods", [row.method for row in self.variants if not row.change])
        for row in self.variants:
            predecessor(methods.get(row.method), row.recipe)  # an error here costs no training


def ablate(ablation: Ablation, out: Path, announce: Announce) -> list[Path]:
    """Train every variant for every seed, and write what the validation images say.

    Args:
        ablation: what to train.
        out: folder of the tables, which are written anew after every training.
        announce: called with every training.

    Returns:
        Paths of `ablation.md` and of `ablation.csv`, which has a line for each network and T.

    Raises:
        StorageError: `out` or `ablation.runs` cannot be written.
        CheckpointError, ConfigError, ConversionError, DataError, PreparationError, TrainingError:
            those of `resnoise.train`.
    """
    ensure_directory(out)
    provenance()  # read before the work
    rows: list[dict[str, Any]] = []
    written: list[Path] = []
    for seed in ablation.seeds:
        for variant in ablation.variants:
            data = load(ablation.data, seed=seed, augmentation=variant.recipe.augmentation)
            method = methods.get(variant.method)
            (training,) = method.trainings(BACKEND, ablation.timesteps)
            job = Job(method, training.name, ablation.architecture, data, variant.recipe, seed)
            title = f"train {variant.method} {variant.change}".rstrip()
            progress = announce(f"{title}, {ablation.architecture}, seed {seed}")
            best = train_in(ablation.runs, job, ablation.execution, progress)
            rows += _rows(variant, job, best, ablation.timesteps)
            written = _write(out, ablation, pd.DataFrame(rows))
    return written


def _rows(
    variant: Variant, job: Job, best: Path, timesteps: Sequence[int]
) -> Iterator[dict[str, Any]]:
    info, network = job.restore(best)
    accuracies = simulated_accuracies(job, network, job.data.validation, max(timesteps))
    thresholds = [layer.threshold.item() for layer in activations(network).values()]
    for t in timesteps:
        yield {
            "method": variant.method,
            "change": variant.change,
            "seed": job.seed,
            "timesteps": t,
            "validation_accuracy": accuracies[t - 1],
            "validation_images": len(job.data.validation),
            "best_epoch": info.best_epoch,
            "epochs": len(info.history),
            "train_seconds": sum(row["seconds"] for row in info.history),
            "mean_threshold": sum(thresholds) / len(thresholds),
            "checkpoint_sha256": info.sha256,
            "start_sha256": info.start,
        }


def _write(out: Path, ablation: Ablation, frame: pd.DataFrame) -> list[Path]:
    recipes = {row.method: row.recipe for row in ablation.variants if not row.change}
    dataset, architecture = ablation.data.dataset, ablation.architecture
    page = ablation_page(frame, dataset, architecture, recipes, provenance())
    return write_study(out, "ablation", page, frame)


def ablation_page(
    frame: pd.DataFrame,
    dataset: str,
    architecture: str,
    recipes: Mapping[str, Recipe],
    provenance: Provenance,
) -> str:
    """An ablation as Markdown: a row for each variant, mean and spread over seeds at each T.

    Args:
        frame: columns `method, change, seed, timesteps, validation_accuracy, validation_images`.
        dataset: name of the data set.
        architecture: name of the architecture.
        recipes: of each method's first row, by the method's name.
        provenance: code and machine.
    """
    steps = sorted(frame["timesteps"].unique())
    rows = []
    for (method, change), group in frame.groupby(["method", "change"], sort=False):
        at = group.groupby("timesteps")["validation_accuracy"]
        found = (over_seeds(at.get_group(step), percent) for step in steps)
        rows.append(cells(method, change or "as it is", *found, group["seed"].nunique()))
    images = sorted(frame["validation_images"].unique())
    table = Table(
        name="ablation",
        title=f"Ablation on {dataset}, {architecture}: validation accuracy (%)",
        columns=("method", "recipe", *(f"T={step}" for step in steps), "seeds"),
        rows=rows,
        labels=2,
        notes=[
            "Each row changes one thing of the method's first row. Mean over seeds, ± standard "
            "deviation over seeds.",
            f"On {' or '.join(map(str, images))} validation images per seed, which also chose the "
            "best epoch, by accuracy at T = induction.timesteps, and gave the noise: compare rows, "
            "not with test accuracies. Test images were not looked at.",
            *(f"{method} as it is: {_described(recipe)}." for method, recipe in recipes.items()),
            "A row with start_from has the epochs of its predecessor on top of its own.",
            made_with(provenance),
        ],
    )
    return markdown_table(table, heading="#")


def _described(recipe: Recipe) -> str:
    values = flat(recipe.to_json())
    return ", ".join(f"{name} = {value}" for name, value in values.items())
