"""Pieces of work in processes of their own, which leave nothing behind however they end.

Each worker is handed its pieces through a pipe, which the system closes when either end is gone.
The pools of the standard library wait at semaphores with names, which stay where all processes are
killed at once, and one of several workers waits for ever where one of them is killed while another
is being started (Python 3.11).
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeVar

from resnoise.errors import Stopped
from resnoise.utils.processes import end_with_parent, interrupts_held_back

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class WorkerLostError(Exception):
    """A worker ended before its work did."""


def done_in_workers(
    work: Callable[[Piece], Result],
    pieces: Sequence[Piece],
    jobs: int,
    prepare: Callable[[], None],
) -> Iterator[tuple[int, Result]]:
    """Position and result of each piece, in the order in which they are done.

    Close the iterator, or exhaust it: the workers end with it.

    Args:
        work: what is done with a piece; like pieces and results it goes through `pickle`.
        pieces: no more are handed out than are worked at.
        jobs: the most at a time.
        prepare: called in every worker first.

    Raises:
        WorkerLostError: a worker was killed.
        Stopped: the deadline of the work came, which is that of all: no piece is begun after it,
            and those that were end by it, too.
        BaseException: what `work` raised, with the worker's traceback as a note.
    """
    others = set(multiprocessing.active_children())
    waiting = iter(enumerate(pieces))
    doing: dict[Connection, int] = {}
    workers: dict[Connection, BaseProcess] = {}
    stopped: Stopped | None = None
    try:
        for _ in range(min(jobs, len(pieces))):
            connection, worker = _start(work, prepare)
            workers[connection] = worker
            _hand_out(connection, waiting, doing)
        while doing:
            # A worker's own children may keep its pipe open a while longer than it lives.
            wait([*doing, *(workers[connection].sentinel for connection in doing)])
            for connection in list(doing):
                if connection.poll():
                    index = doing.pop(connection)
                    try:
                        yield index, _received(connection)
                    except Stopped as error:
                        stopped, waiting = error, iter(())
                    _hand_out(connection, waiting, doing)
                elif not workers[connection].is_alive() and not connection.poll():
                    raise WorkerLostError
        for connection in workers:
            connection.close()
    except BaseException:
        # Not those in `workers`: a signal may come before one that was started is there.
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        for worker in workers.values():
            worker.join()
    if stopped is not None:
        raise stopped


def _start(work: Callable, prepare: Callable[[], None]) -> tuple[Connection, BaseProcess]:
    # Forked processes inherit torch's thread pool in a state they cannot use.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=_serve, args=(there, work, prepare))
    try:
        with interrupts_held_back():
            worker.start()
    except BrokenPipeError as error:  # it was killed before it had read what to do
        raise WorkerLostError from error
    there.close()  # else the pipe would not end with the worker
    return here, worker


def _hand_out(
    connection: Connection, waiting: Iterator[tuple[int, Piece]], doing: dict[Connection, int]
) -> None:
    for index, piece in islice(waiting, 1):
        try:
            connection.send(piece)
        except OSError as error:
            raise WorkerLostError from error
        doing[connection] = index


def _received(connection: Connection) -> Result:
    try:
        result, error = connection.recv()
    except (EOFError, OSError) as error:
        raise WorkerLostError from error
    if error is not None:
        raise error
    return result


def _serve(connection: Connection, work: Callable, prepare: Callable[[], None]) -> None:
    end_with_parent()
    prepare()
    with suppress(EOFError, KeyboardInterrupt):  # the parent has no more work, or tells itself
        while True:
            piece = connection.recv()
            try:
                answer = work(piece), None
            except BaseException as error:
                error.add_note("".join(traceback.format_exception(error)))
                answer = None, error
            connection.send(answer)
