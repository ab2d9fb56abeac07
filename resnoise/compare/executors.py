"""What runs the pieces of a comparison: processes of this machine, or jobs of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import torch

from resnoise.compare.processes import Piece, Result, run_each
from resnoise.errors import ConfigError, ResnoiseError, Stopped, TrainingError
from resnoise.utils.progress import Announce

_SECONDS_BETWEEN_LOOKS = 1.0


class Executor(Protocol):
    """Does some work for each of several pieces.

    Attributes:
        isolated: whether each piece has its part of a machine to itself, so that latencies may be
            taken there.
    """

    isolated: bool

    def run_each(
        self,
        work: Callable[..., Result],
        pieces: Sequence[Piece],
        announce: Announce,
        done: str,
        keep: Callable[[Result], object] | None = None,
    ) -> list[Result]:
        """See `resnoise.compare.processes.run_each`."""


@dataclass(frozen=True)
class LocalPool:
    """Processes of this machine, `jobs` at a time."""

    jobs: int
    isolated: ClassVar[bool] = False

    def run_each(
        self,
        work: Callable[..., Result],
        pieces: Sequence[Piece],
        announce: Announce,
        done: str,
        keep: Callable[[Result], object] | None = None,
    ) -> list[Result]:
        """See `resnoise.compare.processes.run_each`."""
        return run_each(work, pieces, self.jobs, announce, done, keep)


@dataclass(frozen=True)
class Cluster:
    """Where jobs are submitted to, through submitit.

    Args:
        folder: for scripts and logs of the jobs, which all machines can read and write.
        kind: `slurm`; `local` runs jobs as processes of this machine and `debug` in this process,
            to try a comparison out.
        settings: of submitit's executor, as `timeout_min` and `slurm_partition`.
    """

    folder: Path
    kind: Literal["slurm", "local", "debug"] = "slurm"
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def named(cls, name: str, folder: Path, assignments: Sequence[str]) -> Cluster | None:
        """The cluster that a name stands for; None for `local`, this machine without submitit.

        Raises:
            ConfigError: there is no such executor, or an assignment is not `NAME=VALUE`.

        Examples:
            >>> Cluster.named("slurm", Path("jobs"), ["timeout_min=60"]).settings
            {'timeout_min': 60}
        """
        if name not in ("local", "slurm"):
            raise ConfigError(f"expected `executor` to be local or slurm, but got {name!r}")
        if name == "local":
            if assignments:
                raise ConfigError("expected `slurm` only with `executor` slurm, but got local")
            return None
        pairs = [assignment.partition("=") for assignment in assignments]
        for (key, equals, value), given in zip(pairs, assignments, strict=True):
            if not (key and equals and value):
                raise ConfigError(f"expected `slurm` to be NAME=VALUE, but got {given!r}")
        return cls(folder, settings={key: _value(value) for key, _, value in pairs})

    def executor(self, jobs: int) -> Any:
        """submitit's executor, which runs `jobs` at a time.

        Raises:
            ConfigError: submitit or SLURM is not installed, or a setting is not known.
        """
        try:
            import submitit
        except ImportError as error:
            raise ConfigError(
                "expected submitit for `executor` slurm, but it is not installed; "
                "pip install 'resnoise[cluster]'"
            ) from error
        try:
            made = submitit.AutoExecutor(folder=self.folder, cluster=self.kind)
        except RuntimeError as error:
            raise ConfigError(
                f"expected the commands of SLURM for `executor` slurm, but got: {error}; run on "
                "a machine that submits jobs, or use `executor` local"
            ) from error
        limits = {"slurm_array_parallelism": jobs} if self.kind == "slurm" else {}
        try:
            made.update_parameters(name="resnoise", **limits, **self.settings)
        except (NameError, TypeError, ValueError, AssertionError) as error:
            reason = str(error).split("\n")[0]
            raise ConfigError(
                f"expected settings of submitit in `slurm`, but got: {reason}"
            ) from error
        return made


@dataclass(frozen=True)
class Submitted:
    """Jobs of a cluster, an array for all pieces; this process waits for them.

    A job that is pre-empted is queued again, and resumes from its last checkpoint.

    Args:
        cluster: where they are submitted to.
        jobs: the most at a time.
        threads: of torch in each of them; None leaves it to torch.
    """

    cluster: Cluster
    jobs: int
    threads: int | None = None
    isolated: ClassVar[bool] = True

    def run_each(
        self,
        work: Callable[..., Result],
        pieces: Sequence[Piece],
        announce: Announce,
        done: str,
        keep: Callable[[Result], object] | None = None,
    ) -> list[Result]:
        """See `resnoise.compare.processes.run_each`.

        Results of jobs that have ended are kept, whatever becomes of the others.

        Raises:
            ConfigError: submitit or SLURM is not installed.
            TrainingError: a job was killed, or ended without a result; the others are cancelled.
            ResnoiseError: the work of one failed; the others are cancelled.
            Stopped: the deadline of the work came; all have ended by it.
        """
        if not pieces:
            return []
        executor = self.cluster.executor(self.jobs)
        progress = announce(f"{len(pieces)} networks are {done} by jobs of {self.cluster.kind}")
        jobs = executor.map_array(_Resumed(work, self.threads), pieces)
        stopped: list[Stopped] = []
        try:
            waiting = set(range(len(jobs)))
            while waiting:
                ended = sorted(index for index in waiting if jobs[index].done())
                failures = []
                for index in ended:
                    waiting.discard(index)
                    failure = _outcome(jobs[index])
                    if failure is not None:
                        (stopped if isinstance(failure, Stopped) else failures).append(failure)
                    elif keep is not None:
                        keep(jobs[index].result().value)
                    progress(len(jobs) - len(waiting), len(jobs), str(pieces[index]))
                if failures:
                    raise failures[0]
                if waiting and not ended:
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise
        if stopped:
            raise stopped[0]
        return [job.result().value for job in jobs]


@dataclass(frozen=True)
class _Outcome:
    """What a job gives back: a result, or an error whose message is for the user."""

    value: Any = None
    error: Exception | None = None


class _Resumed:
    """Work that a job does, and that submitit queues again when the job is pre-empted."""

    def __init__(self, work: Callable[..., Any], threads: int | None = None) -> None:
        self.work = work
        self.threads = threads

    def __call__(self, piece: Any) -> _Outcome:
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        try:
            return _Outcome(self.work(piece))
        except (ResnoiseError, Stopped) as error:
            return _Outcome(error=error)

    def checkpoint(self, piece: Any) -> Any:
        """What submitit submits in place of this job."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, piece)


def _outcome(job: Any) -> Exception | None:
    """The error of a job that has ended; None if it has a result."""
    failure = job.exception()
    if failure is None:
        return job.result().error
    lines = str(failure).strip().splitlines() or [type(failure).__name__]
    return TrainingError(
        f"job {job.job_id} ended without a result ({lines[-1].strip()}); its log is "
        f"{job.paths.stderr}, and the same command resumes"
    )


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
