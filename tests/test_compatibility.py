"""Checkpoints and records from before there were extensions are those of the same recipe today."""

from pathlib import Path

import pytest

from resnoise import methods
from resnoise.config.recipe import Recipe
from resnoise.records.store import RecordStore
from resnoise.training import checkpoint
from resnoise.training.job import Job
from resnoise.training.run_folders import run_directory

RESULTS = Path(__file__).parents[1] / "results"
CHECKPOINTS = sorted(
    [*RESULTS.glob("checkpoints/*/*/best.json"), RESULTS / "check/digits/best.json"]
)
TABLES = sorted(RESULTS.glob("tables/*/records.json"))


class NamedData:
    """What a job asks of its data before it reads an image."""

    def __init__(self, info):
        self.name, self.classes, self.shape = info.dataset, info.classes, info.shape
        self.sha256, self.seed = info.data_sha256, info.seed


def job_of(path):
    info = checkpoint.read_info(path)
    recipe = Recipe.from_json(info.job.recipe)
    job = info.job
    method = methods.get(info.method)
    return Job(method, job.training, job.architecture, NamedData(job), recipe, job.seed)


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: str(path.relative_to(RESULTS)))
def test_a_committed_checkpoint_loads_as_the_same_job(path):
    job = job_of(path)
    assert job.info() == checkpoint.read_info(path).job
    network = job.load(path)
    assert set(network.state_dict()) == set(checkpoint.read(path)[1])
    assert checkpoint._encode(checkpoint.read_info(path)) == path.read_text()


def test_run_directories_are_called_as_before():
    # The name that the code before the extensions gave to this job, too.
    values = {
        "epochs": 15, "batch_size": 64, "learning_rate": 0.05, "momentum": 0.9,
        "weight_decay": 0.0005, "warmup_epochs": 1.0, "augmentation": [],
        "activation": {"levels": 4, "threshold": "data", "quantile": 0.9},
        "induction": {"timesteps": 4},
    }  # fmt: skip
    assert Recipe(epochs=15, batch_size=64).to_json() == values
    path = RESULTS / "check/digits/best.json"
    assert run_directory(Path("runs"), job_of(path)).name == "nq-55051a0d"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_committed_records_hold_the_recipe_of_today(path):
    records = RecordStore(path.parent).load()
    assert records
    for record in records:
        assert Recipe.from_json(record.recipe).to_json() == record.recipe
