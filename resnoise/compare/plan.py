"""The plan of a comparison: what to train, what to evaluate it at, and how and where to run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from resnoise import backends, datasets, methods, models
from resnoise.compare.executors import Cluster, Executor, LocalPool, Submitted
from resnoise.config.checks import require_distinct, require_positive_int, require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions, ImageData
from resnoise.errors import ConfigError
from resnoise.methods import Training
from resnoise.records.record import RecordKey
from resnoise.training.job import Job, predecessor


class Cell(NamedTuple):
    """One network on one backend; it gives a record for each time step of its training."""

    method: str
    backend: str
    architecture: str
    seed: int
    training: Training


@dataclass(frozen=True)
class Plan:
    """Everything a comparison compares.

    Args:
        data: the data set.
        recipes: recipe of each method under comparison, by its name.
        backends: names from `resnoise.backends.names()`.
        architectures: names from `resnoise.models.names()`.
        timesteps: every T of the tables.
        seeds: seeds of the trainings; for `digits` also the folds of the cross-validation.

    Raises:
        ConfigError: a name is unknown or given twice, or a method trains nothing for these T.

    Examples:
        >>> recipes = {"nq": Recipe(epochs=2), "qcfs": Recipe(epochs=2)}
        >>> plan = Plan(DataOptions("digits"), recipes, ("norse",), ("digits-cnn",), (1, 2))
        >>> [cell.method for cell in plan.cells()]
        ['nq', 'qcfs']
    """

    data: DataOptions
    recipes: Mapping[str, Recipe]
    backends: tuple[str, ...]
    architectures: tuple[str, ...]
    timesteps: tuple[int, ...]
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for name in ("methods", "backends", "architectures", "seeds"):
            require_distinct(name, getattr(self, name))
        require_timesteps("timesteps", self.timesteps)
        datasets.require_known(self.data)
        for name in self.backends:
            backends.get(name)
        for name in self.architectures:
            models.require_known(name)
        for name in self.methods:
            method = methods.get(name)
            predecessor(method, self.recipes[name])  # an error here costs no training
            if not any(method.trainings(backend, self.timesteps) for backend in self.backends):
                raise ConfigError(
                    f"expected `timesteps` of {method.trained_timesteps}, which method {name} "
                    f"trains networks for, but got {', '.join(map(str, self.timesteps))}; name one "
                    f"of them, or leave {name} out"
                )

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods under comparison."""
        return tuple(self.recipes)

    def cells(self) -> Iterator[Cell]:
        """All cells, those that share a training next to each other."""
        for architecture in self.architectures:
            for seed in self.seeds:
                for method in self.methods:
                    for backend in self.backends:
                        trainings = methods.get(method).trainings(backend, self.timesteps)
                        for training in trainings:
                            yield Cell(method, backend, architecture, seed, training)

    def load(self, cell: Cell) -> ImageData:
        """The data set as a cell needs it."""
        augmentation = self.recipes[cell.method].augmentation
        return datasets.load(self.data, seed=cell.seed, augmentation=augmentation)

    def job(self, cell: Cell, data: ImageData) -> Job:
        """What to train for a cell."""
        method, recipe = methods.get(cell.method), self.recipes[cell.method]
        return Job(method, cell.training.name, cell.architecture, data, recipe, cell.seed)

    def keys(self, cell: Cell) -> list[RecordKey]:
        """Keys of the records that a cell gives."""
        method = methods.get(cell.method)
        return [
            RecordKey(
                training=cell.training.name,
                method=cell.method,
                backend=cell.backend,
                dataset=self.data.dataset,
                architecture=cell.architecture,
                levels=method.levels(self.recipes[cell.method]),
                seed=cell.seed,
                timesteps=timesteps,
            )
            for timesteps in cell.training.timesteps
        ]


@dataclass(frozen=True)
class RunOptions:
    """Where a comparison works.

    Args:
        out: records, tables and report.
        runs: checkpoints, kept for the next call.
        execution: how trainings and evaluations run.
        jobs: networks that are trained at a time, and simulated where this process computes on one
            thread; latencies are always taken alone.
        checkpoints: folder of trained networks that records of `out` may be of, which then need no
            training; None is none.
        cluster: where jobs are submitted to, to train and evaluate a network each, `jobs` at a
            time; None is this machine.
        threads: of torch in each job of a cluster; None leaves it to torch.

    Examples:
        >>> str(RunOptions(Path("runs/mine"), jobs=2).runs)
        'runs'
    """

    out: Path
    runs: Path = Path("runs")
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    jobs: int = 1
    checkpoints: Path | None = None
    cluster: Cluster | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        require_positive_int("jobs", self.jobs)

    @property
    def executor(self) -> Executor:
        """What runs the pieces of the comparison: processes of this machine, or a cluster."""
        if self.cluster is None:
            return LocalPool(self.jobs)
        return Submitted(self.cluster, self.jobs, self.threads)
