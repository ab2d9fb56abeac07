"""Checkpoints: what is read back, and what is refused when a file is damaged or foreign."""

import json
import os

import pytest
import safetensors.torch
import torch

from resnoise.config.nested import sha256_of
from resnoise.config.recipe import Extensions, Recipe
from resnoise.errors import CheckpointError, StorageError
from resnoise.training import checkpoint
from resnoise.training.checkpoint import (
    CheckpointInfo,
    JobInfo,
    read,
    read_info,
    write,
)


def make_info(epoch=3, **changes):
    job = JobInfo(
        training="nq",
        architecture="digits-cnn",
        dataset="digits",
        classes=("a", "b"),
        shape=(1, 8, 8),
        seed=2,
        recipe=Recipe().to_json(),
        data_sha256="0" * 64,
    )
    history = [
        {
            "epoch": i + 1,
            "train_loss": 1.5 / (i + 1),
            "train_accuracy": 0.3,
            "validation_accuracy": 0.1 * (i + 1),
            "seconds": 1.0,
            "layers": {"1": {"mean": -1e-17, "std": 0.1, "sigma": 0.1}},
        }
        for i in range(epoch)
    ]
    fields = {
        "method": "nq",
        "job": job,
        "epoch": epoch,
        "best_epoch": 2,
        "validation_accuracy": history[-1]["validation_accuracy"],
        "history": history,
    }
    return CheckpointInfo(**(fields | changes))


def make_tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(4, 3, 5, 5, generator=generator)
    return {
        "conv.weight": weight.contiguous(memory_format=torch.channels_last),
        "bias": torch.randn(4, generator=generator).bfloat16(),
        "count": torch.tensor(7),
        "scalar": torch.tensor(0.1, dtype=torch.float64),
    }


@pytest.fixture
def path(tmp_path):
    """A valid checkpoint in a directory that was not there."""
    path = tmp_path / "new" / "run" / "best.json"
    write(path, make_info(), make_tensors())
    return path


def weights_of(path):
    return path.with_name(read_info(path).weights)


def edit(path, **changes):
    """Change a checkpoint, and its digest with it, as somebody who knows how can."""
    values = {**json.loads(path.read_text()), **changes}
    values["digest"] = sha256_of(
        {k: v for k, v in values.items() if k != "digest"} | {"digest": ""}
    )
    path.write_text(json.dumps(values))


def test_round_trip(path):
    info, tensors = read(path)
    written = ("weights", "sha256", "digest")
    assert info == make_info().model_copy(update={name: getattr(info, name) for name in written})
    assert info == read_info(path)
    expected = make_tensors()
    assert set(tensors) == set(expected)
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert torch.equal(tensor, expected[name])


def test_writing_returns_what_was_written(tmp_path):
    info = write(tmp_path / "last.json", make_info(), make_tensors())
    assert info == read_info(tmp_path / "last.json")
    assert sorted(os.listdir(tmp_path)) == sorted(["last.json", info.weights])


def test_a_new_epoch_replaces_the_one_before_and_leaves_other_files_alone(path):
    for name in ("last.json", "best-notes.txt", "best"):
        (path.parent / name).touch()
    (path.parent / "best-plots").mkdir()
    before = weights_of(path)
    info = write(path, make_info(epoch=4), make_tensors(seed=1))
    assert read(path)[0].epoch == 4
    assert not before.exists()
    assert set(os.listdir(path.parent)) == {
        "best.json", info.weights, "last.json", "best-notes.txt", "best", "best-plots",
    }  # fmt: skip


def test_the_same_epoch_again(path):
    first = read_info(path)
    assert write(path, make_info(), make_tensors()) == first
    assert read(path)[0] == first


@pytest.mark.parametrize(
    "left", ["best-0123456789ab.safetensors", ".best-0123456789ab.safetensors.tmp"]
)
def test_a_kill_between_weights_and_json_leaves_the_epoch_before(path, left):
    (path.parent / left).write_bytes(b"the next epoch, or half of it")
    (path.parent / ".best.json.tmp").write_text('{"format": 1, "met')
    info, tensors = read(path)
    assert info.epoch == 3
    assert torch.equal(tensors["count"], torch.tensor(7))
    info = write(path, make_info(epoch=4), make_tensors(seed=1))
    assert sorted(os.listdir(path.parent)) == sorted(["best.json", info.weights])


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncated_weights(path, keep):
    weights = weights_of(path)
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"best-\w+.safetensors is truncated or edited"):
        read(path)


@pytest.mark.parametrize("position", [0, 60, -1])
def test_a_flipped_bit(path, position):
    weights = weights_of(path)
    data = bytearray(weights.read_bytes())
    data[position] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="truncated or edited"):
        read(path)


def test_missing_weights(path):
    weights_of(path).unlink()
    with pytest.raises(CheckpointError, match=r"cannot read .*best.json names it as its weights"):
        read(path)


def test_an_epoch_that_is_written_while_one_is_read(path, monkeypatch):
    once = iter([True])

    def before_the_next_epoch(path):
        info = read_info(path)
        if next(once, False):
            write(path, make_info(epoch=4), make_tensors(seed=1))
        return info

    monkeypatch.setattr(checkpoint, "read_info", before_the_next_epoch)
    info, tensors = read(path)
    assert info.epoch == 4
    assert torch.equal(tensors["bias"], make_tensors(seed=1)["bias"])


def test_a_missing_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot read .*no.json .*resnoise train"):
        read(tmp_path / "no.json")
    with pytest.raises(CheckpointError, match="cannot read"):
        read(tmp_path)  # a directory


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"format": 1}', '"best"', "\ud800"]
)
def test_not_a_checkpoint(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match="is not a checkpoint of format 1"):
        read(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"epoch": "three"},
        {"epoch": 0},
        {"extra": 1},
        {"history": None},
        {"validation_accuracy": None},
        {"job": {}},
        {"weights": ""},
        {"weights": "../../secrets.safetensors"},
        {"weights": "/etc/passwd"},
        {"weights": "."},
        {"weights": "best-\x00.safetensors"},
        {"sha256": "0"},
    ],
)
def test_edited_json(path, changes):
    edit(path, **changes)
    with pytest.raises(CheckpointError):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["job"].update(seed=1),
        lambda values: values["job"]["recipe"]["activation"].update(levels=8),
        lambda values: values["history"][0].update(validation_accuracy=0.9),
        lambda values: values.update(start="0" * 64),
        lambda values: values.update(digest="0" * 64),
        lambda values: values.update(epoch=1, best_epoch=1, validation_accuracy=0.1),
    ],
)
def test_json_edited_to_another_that_is_valid(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"best\.json was edited: .* train again or restore"):
        read(path)


def test_json_may_be_laid_out_otherwise(path):
    before = read_info(path)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert read_info(path) == before


@pytest.mark.parametrize("change", [lambda v: v.pop("digest"), lambda v: v.update(digest="")])
def test_a_checkpoint_without_a_digest_may_be_edited_and_is_refused(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"best\.json has no `digest`.* train again"):
        read(path)
    with pytest.raises(CheckpointError, match="has no `digest`"):
        checkpoint.amend(path, make_info())  # would seal what nobody vouches for


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(best_epoch=99), "best_epoch ≤ epoch ≤ 3"),
        (lambda v: v.update(epoch=4), "best_epoch ≤ epoch ≤ 3"),
        (lambda v: v.update(validation_accuracy=0.9), "expected validation_accuracy 0.3"),
        (lambda v: v.update(validation_accuracy=float("nan")), "validation_accuracy"),
        (lambda v: v.update(history=[]), "best_epoch ≤ epoch ≤ 0"),
        (lambda v: v["history"].pop(0), "epochs 1 to 2"),
        (lambda v: v["history"][0].pop("seconds"), "history: field `seconds`: Field required"),
        (lambda v: v["history"][0].update(seconds="1"), "history: field `seconds`"),
        (lambda v: v["history"][0].update(seconds=1e308), "history: field `seconds`"),
        (lambda v: v["history"][0].update(layers={"1": {}}), "history: field `layers.1.mean`"),
        (lambda v: v["job"].update(seed=-1), "job.seed"),
        (lambda v: v["job"].update(seed=2**70), "job.seed"),
        (lambda v: v["job"].update(training="n\x1b[31mq"), "without control characters"),
        (lambda v: v["job"].update(training="n" * 100_000), "job.training"),
        (lambda v: v["job"].update(recipe=nested(300)), "levels deep"),
    ],
)
def test_what_no_training_leaves_is_refused_whatever_its_digest(path, change, message):
    values = json.loads(path.read_text())
    change(values)
    edit(path, **values)
    with pytest.raises(CheckpointError, match=message) as refused:
        read(path)
    assert "\n" not in str(refused.value)


def nested(depth):
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 6000, '{"a": ' + "9" * 6000 + "}"])
def test_json_that_python_does_not_take(path, text):
    path.write_text(text)
    with pytest.raises(CheckpointError, match="is not a checkpoint of format 1"):
        read(path)


@pytest.mark.parametrize("which", [lambda path: path, weights_of])
def test_a_pipe_a_device_or_a_folder_in_place_of_a_file_is_not_waited_for(path, which):
    file = which(path)
    for make in (os.mkfifo, lambda p: p.symlink_to("/dev/zero"), os.mkdir):
        file.unlink()
        make(file)
        with pytest.raises(CheckpointError, match=r"cannot read .*(regular|directory)"):
            read(path)
        file.rmdir() if file.is_dir() else file.unlink()
        file.touch()


def test_a_link_in_place_of_the_temporary_file_leads_nowhere(path):
    elsewhere = path.parent / "elsewhere"
    elsewhere.write_text("kept")
    path.with_name(".best.json.tmp").symlink_to(elsewhere)
    write(path, make_info(epoch=4), make_tensors(seed=1))
    assert elsewhere.read_text() == "kept"
    assert read(path)[0].epoch == 4


def test_weights_that_are_no_safetensors_are_not_unpickled(path):
    import hashlib
    import pickle

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(path.parent / "unpickled"),)

    data = pickle.dumps(Trap())
    weights_of(path).write_bytes(data)
    edit(path, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        read(path)
    assert not (path.parent / "unpickled").exists()


def test_weights_are_plain_safetensors(path):
    assert set(safetensors.torch.load_file(weights_of(path))) == set(make_tensors())


@pytest.mark.parametrize("below", [("file",), ("file", "further")])
def test_a_directory_that_cannot_be(tmp_path, below):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(StorageError, match="cannot make the directory"):
        write(tmp_path.joinpath(*below, "best.json"), make_info(), make_tensors())
    assert (tmp_path / "file").read_text() == "kept"


def test_a_json_that_cannot_be_replaced(tmp_path):
    (tmp_path / "best.json").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        write(tmp_path / "best.json", make_info(), make_tensors())


def test_a_full_disk_leaves_the_epoch_before(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    before = sorted(os.listdir(path.parent))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left on device"):
            write(path, make_info(epoch=4), make_tensors(seed=1))
    assert read(path)[0].epoch == 3
    assert sorted(os.listdir(path.parent)) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("training", "qcfs"),
        ("architecture", "resnet20"),
        ("dataset", "cifar10"),
        ("classes", ("b", "a")),
        ("shape", (3, 8, 8)),
        ("seed", 3),
        ("data_sha256", "1" * 64),
        ("recipe", Recipe(epochs=9).to_json()),
        ("recipe", Recipe(extensions=Extensions(averaging=0.5)).to_json()),
    ],
)
def test_the_checkpoint_of_another_job(path, field, value):
    info = read_info(path)
    checkpoint.require_job(info, make_info().job, path)
    other = info.job.model_copy(update={field: value})
    message = f"best.json is of another training: .*{field}"
    with pytest.raises(CheckpointError, match=message):
        checkpoint.require_job(info, other, path)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.require_job(info.model_copy(update={"job": other}), info.job, path)


def test_data_that_were_not_noted_may_be_any(tmp_path):
    info = make_info()
    older = info.model_copy(update={"job": info.job.model_copy(update={"data_sha256": ""})})
    path = tmp_path / "best.json"
    write(path, older, make_tensors())
    assert "data_sha256" not in json.loads(path.read_text())["job"]
    checkpoint.require_job(read_info(path), info.job, path)
