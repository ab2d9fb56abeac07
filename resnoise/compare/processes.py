"""Pieces of work one after another, or several at a time in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TypeVar

import torch

from resnoise.errors import TrainingError
from resnoise.utils.progress import Announce
from resnoise.utils.workers import WorkerLostError, done_in_workers

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def run_each(
    work: Callable[..., Result],
    pieces: Sequence[Piece],
    jobs: int,
    announce: Announce,
    done: str,
    keep: Callable[[Result], object] | None = None,
) -> list[Result]:
    """Do some work for each of several pieces, in processes of their own if several at a time.

    Args:
        work: called with a piece, and with its progress where it is the only one at a time.
        pieces: their text says what is done for them.
        jobs: the most at a time; they share the threads of this process.
        announce: told of every piece, or of all where several run at a time.
        done: what is done to the network of each piece, such as `"trained"`.
        keep: called with each result as it comes, in whatever order.

    Returns:
        The results, in the order of `pieces`.

    Raises:
        TrainingError: a process was killed; the others end with it.
        ResnoiseError: the work failed; the others end with it.
        Stopped: the deadline of the work came; the others end by it, too.
    """
    jobs = min(jobs, len(pieces))
    results: dict[int, Result] = {}
    if jobs <= 1:
        for index, piece in enumerate(pieces):
            results[index] = work(piece, announce(str(piece)))
            if keep is not None:
                keep(results[index])
        return list(results.values())
    threads = max(1, torch.get_num_threads() // jobs)
    progress = announce(f"{len(pieces)} networks are {done}, {jobs} at a time")
    finished = done_in_workers(work, pieces, jobs, partial(torch.set_num_threads, threads))
    try:
        with closing(finished):
            for index, result in finished:
                results[index] = result
                if keep is not None:
                    keep(result)
                progress(len(results), len(pieces), str(pieces[index]))
    except WorkerLostError as error:
        raise TrainingError(
            f"a process was killed while {jobs} networks were {done} at a time, perhaps for want "
            "of memory; the same command resumes, and fewer `jobs` need less"
        ) from error
    return [results[index] for index in range(len(pieces))]
