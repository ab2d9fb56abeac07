"""What is committed under `results/` hangs together, and can be had again from its checkpoints."""

import os
from pathlib import Path

import pandas as pd
import pytest

from resnoise.datasets import DataOptions
from resnoise.evaluation.subject import Subject
from resnoise.records.packing import unpack_correct
from resnoise.records.store import RecordStore
from resnoise.simulation.simulator import predictions
from resnoise.studies.contrast import contrast
from resnoise.training import checkpoint
from resnoise.training.loading import job_of

RESULTS = Path(__file__).resolve().parent.parent / "results"
CHECKPOINTS = sorted((RESULTS / "checkpoints").glob("**/best.json"))
MIB = 2**20
LONGEST = 8  # time steps; those before it are rows of the same simulation


def rows_by_checkpoint():
    """Records of all tables, by the hash of the weights that they are of."""
    rows = {}
    for path in sorted((RESULTS / "tables").glob("*/records.json")):
        for record in RecordStore(path.parent).load():
            rows.setdefault(record.checkpoint_sha256, []).append(record)
    return rows


ROWS = rows_by_checkpoint()
ROWS_OF_CHECKPOINTS = [
    pytest.param(path, method, backend, id=f"{path.parent.parent.name}-{method}-{backend}")
    for path in CHECKPOINTS
    for method, backend in sorted(
        {(row.method, row.backend) for row in ROWS.get(checkpoint.read_info(path).sha256, ())}
    )
]


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: str(path.parent)[-24:])
def test_a_table_rests_on_every_checkpoint(path):
    info, _ = checkpoint.read(path)  # which compares the weights with their hash
    rows = ROWS[info.sha256]
    assert {row.seed for row in rows} == {info.job.seed}
    assert {row.training for row in rows} == {info.job.training}
    assert sum(file.stat().st_size for file in path.parent.glob("*.safetensors")) <= 2 * MIB


def test_every_network_of_cifar_that_is_small_enough_is_committed():
    committed = {checkpoint.read_info(path).sha256 for path in CHECKPOINTS}
    rows = [row for rows in ROWS.values() for row in rows if row.dataset.startswith("cifar")]
    assert {r.checkpoint_sha256 for r in rows if r.parameter_bytes <= 2 * MIB} == committed


@pytest.mark.parametrize(
    "table",
    sorted((RESULTS / "tables").glob("*/decomposition.csv")),
    ids=lambda path: path.parent.name,
)
def test_a_decomposition_is_of_networks_in_a_comparison(table):
    frame = pd.read_csv(table)
    assert len(frame) > 0
    for line in frame.itertuples():
        rows = [row for row in ROWS[line.checkpoint_sha256] if row.method == line.method]
        (accuracy,) = {row.accuracy for row in rows if row.timesteps == line.timesteps}
        # In batches of another size a convolution may round otherwise, see docs/speed.md.
        assert line.spiking_accuracy == pytest.approx(accuracy, abs=3e-4)
        assert line.source_accuracy == pytest.approx(rows[0].ann_accuracy, abs=3e-4)


@pytest.mark.parametrize(
    "table",
    sorted((RESULTS / "tables").glob("*/contrast.csv")),
    ids=lambda path: path.parent.name,
)
def test_a_contrast_is_that_of_the_records(table, tmp_path):
    line = pd.read_csv(table).iloc[0]
    sides = (table.parents[1] / line[f"{side}_comparison"] for side in ("before", "after"))
    contrast(*sides, tmp_path)
    page = "contrast.md"
    assert (tmp_path / page).read_text() == (table.parent / page).read_text()
    # The last bits of a p of 1e-150 are those of the processor.
    made, committed = pd.read_csv(tmp_path / table.name), pd.read_csv(table)
    pd.testing.assert_frame_equal(made, committed, rtol=1e-12)


@pytest.mark.skipif("RESNOISE_DATA" not in os.environ, reason="RESNOISE_DATA names no data sets")
@pytest.mark.parametrize(("path", "method", "backend"), ROWS_OF_CHECKPOINTS)
def test_a_checkpoint_reproduces_its_rows_image_by_image(path, method, backend):
    root = Path(os.environ["RESNOISE_DATA"])
    job = job_of(path, DataOptions(path.parent.parent.name, root, download=False), method)
    rows = [
        row
        for row in ROWS[checkpoint.read_info(path).sha256]
        if (row.method, row.backend) == (method, backend) and row.timesteps <= LONGEST
    ]
    assert rows
    longest = max(row.timesteps for row in rows)
    # Calibrated and laid out as `evaluate` does: in another order of memory a convolution rounds
    # otherwise.
    subject = Subject(job, path, backend, longest)
    images = next(subject.images())
    right = predictions(subject.simulation(images, longest)) == subject.labels[: len(images)]
    for row in rows:
        expected = unpack_correct(row.correct, row.n_test)[: len(images)]
        assert right[row.timesteps - 1].tolist() == expected.tolist(), f"T = {row.timesteps}"
