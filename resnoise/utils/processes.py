"""How processes end: with what they keep tidied up, and when the one that started them does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

INTERRUPTED = 130
"""Exit status of a program that SIGINT ended: 128 and the number of the signal."""

ORPHANED = 1
"""Exit status of a process whose parent is gone."""


def end_with_parent() -> None:
    """End this process, one of `multiprocessing`, as soon as its parent is gone.

    A signal that kills the parent reaches no one else, and a process that works for hours does not
    look up. The system closes a pipe when the process at its other end is gone, however it went; on
    all systems a process that was spawned has such a pipe to its parent.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        end_after(parent.join)


def end_after(wait: Callable[[], object]) -> None:
    """End this process once `wait` returns, which a thread calls that nobody waits for."""

    def end() -> None:
        wait()
        os._exit(ORPHANED)  # not sys.exit, which would end this thread alone

    threading.Thread(target=end, name="end after", daemon=True).start()


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Within the context, Ctrl-C waits; a process that is started there never hears of it.

    A terminal sends it to every process of a program, and those that still import would each print
    where they were. The one that started them is to end them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # spawning would start it, and unblock the signal with that
    # Another thread, whose mask is its own, may take the signal; the main one would then raise all
    # the same, so the handler waits, too. Only the main thread may set handlers.
    handler = signal.getsignal(signal.SIGINT)
    waits = callable(handler) and threading.current_thread() is threading.main_thread()
    came: list[tuple] = []
    if waits:
        signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if waits:
            signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[0])


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Within the context, SIGTERM and SIGHUP leave this program as an exception does.

    So temporary folders and other processes go with it; by default it would end where it stands.
    The exit status is 128 and the number of the signal. What is ignored, as by `nohup`, stays so.
    """
    names = ("SIGTERM", "SIGHUP")  # Windows has the first alone
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Only the main thread may set handlers.
    main = threading.current_thread() is threading.main_thread()
    taken = [one for one in signals if main and signal.getsignal(one) is signal.SIG_DFL]
    for one in taken:
        signal.signal(one, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        for one in taken:
            signal.signal(one, signal.SIG_DFL)
