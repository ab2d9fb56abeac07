"""Evaluations are float32 in truth, and say so."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny_job import tiny_job

from resnoise import DataOptions, job_of, methods
from resnoise.evaluation import outcomes
from resnoise.evaluation.evaluator import evaluate
from resnoise.methods import Training
from resnoise.training.trainer import train
from resnoise.utils.precision import precision_of, true_float32

WEIGHTS = Path(__file__).parent.parent / "results/check/digits/best.json"
CUDA = torch.device("cuda")


def settings():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.fixture
def tf32():
    """Settings under which a GPU would use TF32."""
    before = settings()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.usefixtures("tf32")
def test_tf32_is_off_within_and_as_before_afterwards():
    assert precision_of(CUDA) == "tf32"
    assert precision_of(torch.device("cpu")) == "float32"
    assert precision_of(CUDA, bf16=True) == "bfloat16"
    with true_float32():
        assert settings() == (False, False)
        assert precision_of(CUDA) == "float32"
    assert settings() == (True, True)


@pytest.mark.usefixtures("tf32")
def test_an_evaluation_computes_without_it(monkeypatch):
    seen = []
    predictions = outcomes.predictions
    monkeypatch.setattr(
        outcomes, "predictions", lambda logits: (seen.append(settings()), predictions(logits))[1]
    )
    job = job_of(WEIGHTS, DataOptions("digits"))
    (record,) = evaluate(job, WEIGHTS, "reference", Training("nq", (1,)))
    assert record.precision == "float32"
    assert set(seen) == {(False, False)}
    assert settings() == (True, True)


@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("name", ["nq", "qcfs"])
def test_the_best_epoch_is_chosen_and_the_noise_measured_without_it(name, tmp_path):
    validating, training = set(), set()

    class Watching(type(methods.get(name))):
        def validate_(self, *given):
            validating.add(settings())
            return super().validate_(*given)

        def loss(self, *given):
            training.add(settings())
            return super().loss(*given)

    job = dataclasses.replace(tiny_job(name, epochs=2), method=Watching())
    train(job, tmp_path)
    assert validating == {(False, False)}
    assert training == {(True, True)}
    assert settings() == (True, True)
