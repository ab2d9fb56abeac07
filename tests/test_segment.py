"""Where a training ran is noted with its weights, also if it went on elsewhere."""

import pytest
import torch
from tiny_job import tiny_job

from resnoise.config.execution import ExecutionConfig
from resnoise.records.provenance import provenance
from resnoise.training import checkpoint
from resnoise.training.session import continued, segment_from
from resnoise.training.trainer import Trainer, train
from resnoise.utils.device import has_bfloat16, warn_of_emulation

CPU = torch.device("cpu")


def segments(directory, name="last"):
    return checkpoint.read_info(directory / f"{name}.json").segments


def test_a_segment_says_how_and_on_what_it_ran():
    segment = segment_from(3, ExecutionConfig(bf16=True, compile=True), CPU)
    here = provenance()
    assert segment.model_dump() == {
        "first_epoch": 3,
        "precision": "bfloat16",
        "compiled": True,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "machine": here.machine,
        "torch_version": torch.__version__,
        "git_commit": here.git_commit,
        "git_dirty": here.git_dirty,
    }
    threads = f"{torch.get_num_threads()} threads"
    assert str(segment) == (
        f"{here.machine}, cpu, {threads}, bfloat16, compiled, torch {torch.__version__}"
    )


def test_resuming_in_the_same_way_is_no_new_segment():
    first = segment_from(1, ExecutionConfig(), CPU)
    same = segment_from(5, ExecutionConfig(), CPU)
    other = segment_from(5, ExecutionConfig(bf16=True), CPU)
    assert continued([], first) == [first]
    assert continued([first], same) == [first]
    assert continued([first], other) == [first, other]
    back = segment_from(9, ExecutionConfig(), CPU)
    assert continued([first, other], back) == [first, other, back]


def test_a_training_resumed_in_another_way_has_a_segment_of_each(tmp_path):
    job = tiny_job(epochs=3)
    for _ in range(2):  # two processes of one epoch each, in the same way
        trainer = Trainer(job, tmp_path)
        trainer.run_epoch()
        trainer.save()
    assert [(part.first_epoch, part.precision) for part in segments(tmp_path)] == [(1, "float32")]

    train(job, tmp_path, ExecutionConfig(bf16=True))
    expected = [(1, "float32"), (3, "bfloat16")]
    for name in ("last", "best"):
        found = [(part.first_epoch, part.precision) for part in segments(tmp_path, name)]
        assert found == expected, name


def test_an_epoch_that_is_not_finished_leaves_no_segment(tmp_path):
    Trainer(tiny_job(), tmp_path / "stopped")
    assert not list((tmp_path / "stopped").iterdir())


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_f": True, "avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
    ],
)
def test_bfloat16_is_a_matter_of_the_processor(capabilities, has, monkeypatch, recwarn):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_bfloat16(CPU) is has
    warn_of_emulation(CPU)
    assert ["leave out `bf16`" in str(warning.message) for warning in recwarn] == [True] * (not has)


def test_nothing_is_said_against_bfloat16_where_torch_cannot_tell(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {}, raising=False)
    assert has_bfloat16(torch.device("mps"))
    assert has_bfloat16(CPU)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert has_bfloat16(CPU)


def test_a_finished_training_is_not_warned_of_bfloat16(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False}, raising=False)
    for expected in (1, 1):  # the second call finds nothing left to train
        train(tiny_job(epochs=1), tmp_path, ExecutionConfig(bf16=True))
        warned = ["leave out `bf16`" in str(warning.message) for warning in recwarn]
        assert sum(warned) == expected
