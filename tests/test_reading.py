"""Files of others: what is no file is not waited for, what is endless is not read to its end."""

import json
import os

import pytest

from resnoise.check import recorded
from resnoise.config.changes import changed
from resnoise.config.checks import require_number, require_positive_int, require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.datasets import DataOptions, load
from resnoise.errors import CheckError, ConfigError, DataError, RecordError, StorageError
from resnoise.records.store import RecordStore, load_trainings
from resnoise.utils.files import ensure_file
from resnoise.utils.reading import DEEPEST, parse_json, read_bytes
from resnoise.utils.threads import use_threads
from tests.command_line import resnoise
from tests.made_up import make_record


def sparse(path):
    path.touch()
    os.truncate(path, 2**28)


NO_FILES = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": os.mkdir,
    "huge": sparse,
}
READERS = {
    "records.json": (lambda path: RecordStore(path.parent).load(), RecordError),
    "trainings/one.json": (lambda path: load_trainings(path.parent.parent), RecordError),
    "reference.json": (recorded.read, CheckError),
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused_at_once(tmp_path, name, kind):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    NO_FILES[kind](path)
    read, error = READERS[name]
    with pytest.raises(error, match=r"regular|directory|larger than 32 MiB"):
        read(path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 6000, '{"a": ' + "9" * 6000 + "}", "\ud800"])
def test_json_that_python_does_not_take_is_refused(tmp_path, name, text):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    read, error = READERS[name]
    with pytest.raises(error) as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_json_as_deep_as_may_be_is_read():
    parse_json("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(ValueError, match="levels deep"):
        parse_json("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


def test_a_file_of_the_largest_size_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger"):
        read_bytes(tmp_path / "file", 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"energy_nj": 1e308},
        {"parameters": 2**70},
        {"seed": 2**63},
        {"method": "n" * 100_000},
        {"method": "a\x1b[31m"},
        {"best_epoch": 99},
    ],
)
def test_records_of_what_cannot_be_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        make_record(**changes)


@pytest.mark.parametrize("folder", ["~nobody-there/x", "nowhere", "\x00"])
def test_a_folder_that_does_not_exist(folder):
    with pytest.raises(DataError):
        load(f"imagefolder:{folder}")
    if folder.startswith("~"):
        with pytest.raises(DataError, match="nobody-there"):
            DataOptions("cifar10", folder)


@pytest.mark.parametrize(
    "path", ["n" * 300, "n" * 252, "/dev/null", "/dev/null/x", "new/" + "n" * 300]
)
def test_a_file_that_cannot_be_written_is_told_before_the_work(tmp_path, path):
    with pytest.raises(StorageError):
        ensure_file(tmp_path / path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 2**63),
        ("activation.levels", 2**70),
        ("activation.levels", "9" * 6000),
        ("activation.levels", "[" * 100_000),
        ("activation.threshold", 1e300),
        ("learning_rate", 1e300),
        ("induction.timesteps", 2**31),
        ("epochs", 2**31),
    ],
)
def test_settings_have_bounds(name, value):
    with pytest.raises(ConfigError, match=name.rpartition(".")[2]) as refused:
        changed(Recipe(), {name: value})
    assert len(str(refused.value)) < 500


def test_the_bounds_are_told():
    with pytest.raises(ConfigError, match="larger than 0 and at most 65536, but got 65537"):
        ActivationConfig(levels=65537)
    with pytest.raises(ConfigError, match="at most 1024"):
        ExecutionConfig(workers=10**9)
    with pytest.raises(ConfigError, match="at most 1024"):
        use_threads(10**9, "digits")
    with pytest.raises(ConfigError, match="at most 2147483647"):
        require_positive_int("jobs", 2**31)
    with pytest.raises(ConfigError, match="an integer of thousands of digits"):
        require_positive_int("jobs", 10**6000)
    with pytest.raises(ConfigError, match="an integer of thousands of digits"):
        require_number("sigma", 10**6000)
    with pytest.raises(ConfigError, match="at most 65536"):
        require_timesteps("timesteps", [10**9])


@pytest.mark.parametrize("reference", ["nq:" + "9" * 6000, "nq:0", ":4", ""])
def test_malformed_references_are_refused(tmp_path, reference):
    RecordStore(tmp_path).add([make_record()])
    done = resnoise("report", ".", "--reference", reference, cwd=tmp_path, status=1)
    assert done.stderr.startswith("error: expected a reference")
    assert done.stderr.count("\n") == 1


def test_a_training_record_from_elsewhere_has_no_endless_numbers(tmp_path):
    folder = tmp_path / "trainings"
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps({"schema_version": 1, "seed": 10**4000}))
    with pytest.raises(RecordError, match=r"x\.json is not a valid training record"):
        load_trainings(tmp_path)
