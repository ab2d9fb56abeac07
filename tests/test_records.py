"""Records, their packing and their store, with everything that can be wrong with them."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resnoise.errors import RecordError, StorageError
from resnoise.records.packing import pack_correct, pack_test_ids, unpack_correct, unpack_test_ids
from resnoise.records.provenance import provenance
from resnoise.records.record import Record, RecordKey
from resnoise.records.store import (
    RecordStore,
    frame_from_records,
    load_trainings,
)
from tests.made_up import make_record, make_training

ROOT = Path(__file__).parents[1]


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_correct_survives_packing(correct):
    assert unpack_correct(pack_correct(correct), len(correct)).tolist() == correct


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=40, unique=True))
def test_test_ids_survive_packing(ids):
    assert unpack_test_ids(pack_test_ids(ids), len(ids)).tolist() == ids


def test_packing_matches_examples_by_hand():
    assert pack_correct([1, 0, 1, 0, 0, 0, 0, 0, 1]) == "oIA="  # 10100000 10000000
    assert pack_test_ids(np.arange(10_000)) == "0:10000"
    assert pack_test_ids([5, 6, 7]) == "5:8"


def packed(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("text", "n_test", "message"),
    [
        ("0:9", 10, "expected 10 test ids, but got 9"),
        ("0:999999999999999", 10, "expected 10 test ids"),
        ("zz", 3, "base64"),
        ("AAAA", 3, "do not decompress"),
        (pack_test_ids([4, 4, 1]), 3, "repeated"),
        (pack_test_ids([4, 9, 1]), 2, "expected 2 test ids, but got 3"),
        ("2147483640:2147483650", 10, "from 0 to 2147483647"),
        ("-5:5", 10, "expected 10 test ids"),
        ("9" * 6000 + ":1", 1, "expected 1 test ids"),
        (packed(zlib.compress(np.array([-1, 3], "<i4").tobytes())), 2, "but got -1 to 3"),
        (packed(zlib.compress(bytes(2**26))), 2, "expected 2 test ids, but got 3"),
    ],
)
def test_wrong_test_ids_are_refused(text, n_test, message):
    with pytest.raises(ValueError, match=message):
        unpack_test_ids(text, n_test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"total_steps": 5}, "presimulation_steps"),
        ({"accuracy": 0.5}, "as in `correct`"),
        ({"accuracy": 1.2}, "less than or equal to 1"),
        ({"accuracy": float("nan")}, "finite"),
        ({"accuracy": "0.75"}, "valid number"),
        ({"timesteps": 0, "total_steps": 0}, "greater than or equal to 1"),
        ({"n_test": 9}, "bits"),
        ({"test_ids": "0:3"}, "test ids"),
        ({"data_sha256": "abc"}, "pattern"),
        ({"created": "yesterday"}, "isoformat"),
        ({"recipe": {"lr": float("inf")}}, "JSON"),
        ({"recipe": {"lr": object()}}, "JSON"),
        ({"surprise": 1}, "Extra inputs"),
        ({"schema_version": 2}, "Input should be 1"),
    ],
)
def test_invalid_records_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        Record(**(make_record().model_dump() | changes))


@pytest.mark.parametrize(
    ("older", "expected"),
    [
        ({}, ("integrate-and-fire", False, "plain")),
        ({"presimulation_steps": 4, "total_steps": 6}, ("gated integrate-and-fire", True, "open")),
        ({"levels": None}, ("leaky integrate-and-fire", False, "plain")),
    ],
)
def test_older_records_say_what_their_method_asks_for(older, expected):
    fields = make_record().model_dump() | older
    new = (
        "neuron", "looks_at_test_image", "calibration_images", "spike_levels", "state_bytes"
    )  # fmt: skip
    record = Record(**{name: value for name, value in fields.items() if name not in new})
    found = record.neuron, record.looks_at_test_image, record.requirements.division
    assert found == expected
    assert (record.calibration_images, record.spike_levels, record.state_bytes) == (0, 1, None)


def test_key_names_the_evaluation():
    key = make_record(method="srp", training="qcfs", seed=3, timesteps=4).key
    assert key == ("qcfs", "srp", "norse", "digits", "smallnet", 4, 3, 4)
    assert isinstance(key, RecordKey)


finite = st.floats(0, 1e30, allow_nan=False)


@settings(max_examples=25)
@given(finite, finite, st.none() | st.integers(1, 99))
def test_floats_survive_the_store_exactly(tmp_path_factory, energy, latency, levels):
    store = RecordStore(tmp_path_factory.mktemp("store"))
    record = make_record(energy_nj=energy, latency_ms_per_image=latency, levels=levels)
    store.add([record])
    assert store.load() == [record]
    assert records_from_frame(store.frame()) == [record]


def records_from_frame(frame):
    """The records that a frame was made of."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [Record.model_validate(row) for row in plain.to_dict(orient="records")]


def test_frame_is_typed_and_reversible():
    records = [make_record(), make_record(levels=None, ann_accuracy=None, agreement=None, seed=1)]
    frame = frame_from_records(records)
    assert {
        name: str(frame[name].dtype) for name in ("seed", "levels", "accuracy", "git_dirty")
    } == {
        "seed": "int64",
        "levels": "Int64",
        "accuracy": "float64",
        "git_dirty": "bool",
    }
    assert records_from_frame(frame) == records
    assert records_from_frame(frame_from_records([])) == []


def test_store_continues_and_replaces_only_the_same_key(tmp_path):
    store = RecordStore(tmp_path / "new" / "folder")
    assert store.load() == []
    assert len(store) == 0
    first, second = make_record(seed=0), make_record(seed=1)
    store.add([first])
    store.add([second])
    faster = first.model_copy(update={"latency_ms_per_image": 0.001})
    store.add([faster])
    assert store.load() == [faster, second]
    assert first.key in store
    assert make_record(seed=2).key not in store


def test_records_are_put_in_order(tmp_path):
    store = RecordStore(tmp_path)
    records = [make_record(seed=seed) for seed in range(4)]
    store.add(records)
    store.put_last(records[seed].key for seed in (2, 0))
    assert [record.seed for record in RecordStore(tmp_path).load()] == [1, 3, 2, 0]


def _edited(tmp_path: Path, old: str, new: str) -> RecordStore:
    store = RecordStore(tmp_path)
    store.add([make_record(seed=0), make_record(seed=1)])
    text = store.path.read_text()
    assert old in text
    store.path.write_text(text.replace(old, new, 1))
    return store


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schema_version": 1, "sha256"', '"schema_version": 2, "sha256"', "schema version 2"),
        ('"energy_nj": ', '"energy_nj": 1', "edited by hand.*sha256.*move it away"),
        ('"firing_rate": ', '"firing_rate": 7', "record 0, field `firing_rate`.*move it away"),
        ('"seed": 1', '"seed": 0', "records 0 and 1 are of the same evaluation.*seed 0"),
        ('"records": [', '"records": 3, "rows": [', "not a record store"),
        ("\n]}\n", "", "truncated or not JSON.*move it away"),
    ],
)
def test_a_damaged_store_is_refused_and_left_alone(tmp_path, old, new, message):
    store = _edited(tmp_path, old, new)
    damaged = store.path.read_bytes()
    with pytest.raises(RecordError, match=message) as caught:
        store.load()
    assert "\n" not in str(caught.value)
    with pytest.raises(RecordError):
        store.add([make_record(seed=5)])
    with pytest.raises(RecordError):
        store.check()
    assert store.path.read_bytes() == damaged


def test_every_truncation_is_noticed(tmp_path):
    store = RecordStore(tmp_path)
    store.add([make_record()])
    whole = store.path.read_bytes()
    for length in range(0, len(whole.rstrip()), 97):
        store.path.write_bytes(whole[:length])
        with pytest.raises(RecordError):
            store.load()


def test_another_network_is_not_put_in_the_place_of_one(tmp_path):
    store = RecordStore(tmp_path)
    before = make_record(checkpoint_sha256="a" * 64)
    store.add([before])
    other = {"checkpoint_sha256": "b" * 64}
    for changes in ({}, {"timesteps": 4}, {"backend": "snntorch"}):
        with pytest.raises(RecordError, match=r"another network .*nq.*a{64}, now it is b{64}"):
            store.add([make_record(seed=5), make_record(**other, **changes)])
        assert store.load() == [before]
    store.add([make_record(**other, seed=1), make_record(**other, levels=8)])


def test_duplicates_to_add_are_refused(tmp_path):
    store = RecordStore(tmp_path)
    with pytest.raises(RecordError, match="the records to add: records 0 and 1"):
        store.add([make_record(), make_record()])
    assert not store.path.exists()


@pytest.mark.parametrize("method", ["check", "load"])
def test_a_file_in_place_of_the_directory_is_refused(tmp_path, method):
    path = tmp_path / "occupied"
    path.write_text("mine")
    with pytest.raises(StorageError, match=r"occupied.*name a directory"):
        getattr(RecordStore(path), method)()
    assert path.read_text() == "mine"


def test_a_directory_that_cannot_be_written_to_is_refused():
    with pytest.raises(StorageError, match="cannot make the directory"):
        RecordStore("/proc/resnoise").add([make_record()])


WRITER = """
import os, signal, sys
from resnoise.records.store import RecordStore
from tests.made_up import make_record
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # everything written, nothing renamed
RecordStore(sys.argv[1]).add([make_record(seed=1)])
"""


def test_kill_in_the_middle_of_a_write_loses_nothing(tmp_path):
    store = RecordStore(tmp_path)
    store.add([make_record(seed=0)])
    killed = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=Path(__file__).parents[1], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 2  # the store and what the killed writer left
    assert store.load() == [make_record(seed=0)]
    store.add([make_record(seed=2)])
    assert os.listdir(tmp_path) == ["records.json"]
    assert [record.seed for record in store.load()] == [0, 2]


ADDER = """
import sys
from resnoise.records.store import RecordStore
from tests.made_up import make_record
for seed in range(int(sys.argv[2]), int(sys.argv[2]) + 5):
    RecordStore(sys.argv[1]).add([make_record(seed=seed)])
"""


def test_two_writers_at_once_lose_nothing(tmp_path):
    command = [sys.executable, "-c", ADDER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, start], cwd=Path(__file__).parents[1]) for start in ("0", "50")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    seeds = {record.seed for record in RecordStore(tmp_path).load()}
    assert seeds == {*range(5), *range(50, 55)}


def test_trainings_are_read_and_bad_ones_named(tmp_path):
    assert load_trainings(tmp_path) == []
    folder = tmp_path / "trainings"
    folder.mkdir()
    training = make_training()
    (folder / "nq.json").write_text(training.model_dump_json())
    assert load_trainings(tmp_path) == [training]

    content = json.loads(training.model_dump_json())
    content["residual"]["layers"]["act1"]["histogram"]["counts"].pop()
    (folder / "bad.json").write_text(json.dumps(content))
    with pytest.raises(RecordError, match=r"bad\.json.*histogram.*one more than.*move it away"):
        load_trainings(tmp_path)
    (folder / "bad.json").write_text('{"training": ')
    with pytest.raises(RecordError, match=r"bad\.json is not a valid training record.*JSON"):
        load_trainings(tmp_path)


def test_a_record_names_the_commit_of_its_code():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert provenance.__wrapped__().git_commit == head.stdout.strip()
