"""Work in processes of its own: what comes back, and what is said of a process that is gone."""

import multiprocessing
import os
import signal
import time
from contextlib import closing

import pytest

from resnoise.errors import Stopped
from resnoise.utils.workers import WorkerLostError, done_in_workers


def square_or_fail(number):
    if number < 0:
        raise ValueError(f"{number} is negative")
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def nothing():
    pass


def remember():
    os.environ["REMEMBERED"] = "yes"


def remembered(piece):
    return os.environ["REMEMBERED"]


def test_every_piece_comes_back_with_its_position():
    assert sorted(done_in_workers(square_or_fail, [3, 1, 2, 5], 2, nothing)) == [
        (0, 9), (1, 1), (2, 4), (3, 25),
    ]  # fmt: skip
    assert list(done_in_workers(remembered, ["piece"], 2, remember)) == [(0, "yes")]
    assert multiprocessing.active_children() == []


def test_an_error_is_the_workers_own_with_its_traceback_and_ends_the_others():
    with pytest.raises(ValueError, match="-1 is negative") as caught:
        list(done_in_workers(square_or_fail, [2, -1, 3], 2, nothing))
    assert "in square_or_fail" in "".join(caught.value.__notes__)
    assert multiprocessing.active_children() == []


def test_a_killed_worker_is_noticed():
    with pytest.raises(WorkerLostError):
        list(done_in_workers(square_or_fail, [0, 1], 2, nothing))
    assert multiprocessing.active_children() == []


def test_who_takes_no_more_ends_the_workers():
    with closing(done_in_workers(square_or_fail, [1, 2, 3, 4], 2, nothing)) as results:
        next(results)
    assert multiprocessing.active_children() == []


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def work_until_told(piece):
    """One piece is at work while another one finds that its time is up."""
    name, folder = piece
    (folder / name).touch()
    if name == "late":
        wait_for(folder / "busy")
        raise Stopped("1 of 2 epochs are trained")
    if name == "busy":
        wait_for(folder / "told")
        (folder / "ended").touch()


class HandedOut(list):
    """Pieces that tell when no more of them will be asked for."""

    def __init__(self, pieces, told):
        super().__init__(pieces)
        self.told = told

    def __iter__(self):
        try:
            yield from super().__iter__()
        finally:
            self.told.touch()


def test_one_that_stops_in_time_lets_the_others_end_and_begins_no_more(tmp_path):
    pieces = [(name, tmp_path) for name in ("late", "busy", "never")]
    with pytest.raises(Stopped, match="1 of 2 epochs are trained"):
        list(done_in_workers(work_until_told, HandedOut(pieces, tmp_path / "told"), 2, nothing))
    assert not (tmp_path / "never").exists()
    assert (tmp_path / "ended").exists()
    assert multiprocessing.active_children() == []
