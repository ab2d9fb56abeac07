"""Evaluations of a comparison: simulated side by side, timed alone, recorded as they come."""

import gc
import json
import multiprocessing

import pytest

from resnoise.compare import evaluations
from resnoise.metrics import without_old_garbage
from resnoise.records import store as store_module
from resnoise.records.store import RecordStore
from resnoise.report import writer
from tests.command_line import resnoise
from tests.made_up import make_record

ARGUMENTS = ["compare", "--out", "out", "--methods", "qcfs,srp", "--seeds", "0", "--epochs", "1",
             "--timesteps", "1,2", "--backends", "reference"]  # fmt: skip
MEASURED = {
    "latency_ms_per_image", "latency_iqr_ms", "latency_batch1_ms", "latency_batch1_iqr_ms",
    "overhead_ratio", "peak_memory_mib", "created",
}  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder in which networks were evaluated one after the other."""
    folder = tmp_path_factory.mktemp("alone")
    resnoise(*ARGUMENTS, cwd=folder)
    return folder


def records_in(folder):
    return json.loads((folder / "out/records.json").read_text())["records"]


def test_side_by_side_gives_the_same_records_but_for_times(alone, tmp_path, monkeypatch):
    others = []
    measure = evaluations.measure_costs

    def watch(*arguments):
        others.extend(multiprocessing.active_children())
        return measure(*arguments)

    monkeypatch.setattr(evaluations, "measure_costs", watch)
    resnoise(*ARGUMENTS, "--runs", alone / "runs", "--jobs", "2", cwd=tmp_path)
    assert not others  # nothing else of the comparison runs while latencies are taken
    ours, theirs = (
        [{k: v for k, v in record.items() if k not in MEASURED} for record in records_in(folder)]
        for folder in (tmp_path, alone)
    )
    assert ours == theirs


def test_what_was_evaluated_before_an_end_is_kept(alone, tmp_path, monkeypatch):
    measure = evaluations.measure_costs
    monkeypatch.setattr(evaluations, "measure_costs", stop_after(1, measure))
    stopped = resnoise(*ARGUMENTS, "--runs", alone / "runs", cwd=tmp_path, status=1)
    assert "out of memory" in stopped.stderr
    before = records_in(tmp_path)
    assert len(before) == 2  # of one network at two T
    monkeypatch.setattr(evaluations, "measure_costs", measure)
    resnoise(*ARGUMENTS, "--runs", alone / "runs", cwd=tmp_path)
    assert records_in(tmp_path)[:2] == before
    assert len(records_in(tmp_path)) == len(records_in(alone))


def stop_after(count, measure):
    left = iter(range(count))

    def stop(*arguments):
        if next(left, None) is None:
            raise MemoryError
        return measure(*arguments)

    return stop


def test_a_comparison_reads_its_records_once_and_reports_once(alone, monkeypatch):
    read, made = [], []
    decode = store_module._decode
    monkeypatch.setattr(store_module, "_decode", lambda *a: read.append(a) or decode(*a))
    make_report = writer.make_report
    monkeypatch.setattr(
        writer, "make_report", lambda *a, **k: made.append(a) or make_report(*a, **k)
    )
    resnoise(*ARGUMENTS, cwd=alone)
    assert (len(read), len(made)) == (1, 1)


def test_a_store_sees_what_others_write(tmp_path):
    ours, theirs = RecordStore(tmp_path), RecordStore(tmp_path)
    ours.add([make_record(seed=0)])
    theirs.add([make_record(seed=1)])
    assert {record.seed for record in ours.load()} == {0, 1}
    ours.add([make_record(seed=2)])
    assert {record.seed for record in theirs.load()} == {0, 1, 2}
    ours.load().clear()
    assert len(ours) == 3


def test_old_objects_are_left_alone_only_within():
    def count_then_fail():
        with without_old_garbage():
            frozen.append(gc.get_freeze_count())
            next(iter(()))

    frozen = []
    with pytest.raises(StopIteration):
        count_then_fail()
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0
