"""Pieces of work one after another, or several at a time in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import islice
from typing import TypeVar

import torch

from resnoise.errors import Stopped, TrainingError
from resnoise.utils.processes import end_with_parent
from resnoise.utils.progress import Announce

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def run_each(
    work: Callable[..., Result],
    pieces: Sequence[Piece],
    jobs: int,
    announce: Announce,
    done: str,
) -> list[Result]:
    """Do some work for each of several pieces, in processes of their own if several at a time.

    Args:
        work: called with a piece, and with its progress where it is the only one at a time.
        pieces: their text says what is done for them.
        jobs: the most at a time; they share the threads of this process.
        announce: told of every piece, or of all where several run at a time.
        done: what is done to the network of each piece, such as `"trained"`.

    Returns:
        The results, in the order of `pieces`.

    Raises:
        TrainingError: a process was killed; the others end with it.
        ResnoiseError: the work failed; the others end with it.
        Stopped: the deadline of the work came; the others end by it, too.
    """
    jobs = min(jobs, len(pieces))
    if jobs <= 1:
        return [work(piece, announce(str(piece))) for piece in pieces]
    threads = max(1, torch.get_num_threads() // jobs)
    # Forked processes inherit torch's thread pool in a state they cannot use.
    context = multiprocessing.get_context("spawn")
    progress = announce(f"{len(pieces)} networks are {done}, {jobs} at a time")
    results: dict[int, Result] = {}
    others = set(multiprocessing.active_children())
    with ExitStack() as stack:
        # A pool for each: a pool of several processes waits for ever where one of them is killed
        # while another is being started (Python 3.11).
        pools = [
            stack.enter_context(
                ProcessPoolExecutor(1, context, initializer=_begin_worker, initargs=(threads,))
            )
            for _ in range(jobs)
        ]
        # No more than run at once: what waits in a pool is begun even after an interrupt.
        waiting = iter(enumerate(pieces))
        running: dict[Future, tuple[ProcessPoolExecutor, int]] = {}

        def begin(pool: ProcessPoolExecutor) -> None:
            for index, piece in islice(waiting, 1):
                running[pool.submit(work, piece)] = pool, index

        def end_all() -> None:
            # Of a failure one pool knows, of a signal none: all would be waited for, for hours.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()

        try:
            for pool in pools:
                begin(pool)
            for count in range(1, len(pieces) + 1):
                future = next(as_completed(running))
                pool, index = running.pop(future)
                results[index] = future.result()
                begin(pool)
                progress(count, len(pieces), str(pieces[index]))
        except Stopped:
            # All have the same deadline: the others, too, end at the end of an epoch.
            wait(running)
            raise
        except BrokenProcessPool as error:
            end_all()
            raise TrainingError(
                f"a process was killed while {jobs} networks were {done} at a time, "
                "perhaps for want of memory; the same command resumes, and "
                "fewer `jobs` need less"
            ) from error
        except BaseException:
            end_all()
            raise
    return [results[index] for index in range(len(pieces))]


def _begin_worker(threads: int) -> None:
    end_with_parent()
    torch.set_num_threads(threads)
