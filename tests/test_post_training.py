"""One class for a way of simulating, whatever method trained the network: names and delegation."""

import dataclasses
from pathlib import Path

import pytest
from eighths import RECIPE
from resnoise_baselines.cos import COS
from resnoise_baselines.qcfs import QCFS, QCFSPlus
from resnoise_baselines.srp import SRP
from tiny_job import tiny_job

from resnoise import methods
from resnoise.config.recipe import Extensions
from resnoise.datasets import DataOptions
from resnoise.errors import ConfigError
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.methods.nq import NQ
from resnoise.methods.plus import NQPlus
from resnoise.training.loading import job_of

ROOT = Path(__file__).parents[1]
CHECKPOINTS = ROOT / "results" / "checkpoints"
WAYS = ["srp", "cos", "snm", "signed-if", "ftbc", "ftbc-snm"]
TRAINED = [("", QCFS), ("-plus", QCFSPlus), ("-nq", NQ), ("-nq-plus", NQPlus)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("suffix", "trained"), TRAINED)
def test_shares_the_training_of_its_source(way, suffix, trained):
    method, source = methods.get(way + suffix), trained()
    assert method.name == way + suffix
    assert isinstance(method.trained, trained)
    assert method.trainings("norse", (1, 4)) == source.trainings("snntorch", (1, 4))
    assert method.recipe(RECIPE) == source.recipe(RECIPE)
    assert method.induces_noise == source.induces_noise
    for place in (("cifar10", "vgg16"), ("cifar100", "resnet20"), ("digits", "vgg16")):
        assert method.published(*place) == source.published(*place)
    assert method.requirements == methods.get(way).requirements
    assert method.requirements.division == "open"
    assert source.requirements.division == "plain"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("suffix", "trained"), TRAINED)
def test_applies_to_any_network_that_was_trained_for_conversion(way, suffix, trained):
    assert methods.get(way).applied_to(trained()).name == way + suffix
    # What trained a network may itself be named by another way of simulating it.
    assert methods.get(way).applied_to(SRP(trained())).name == way + suffix


def test_a_network_of_another_package_is_named_by_its_method():
    class Toy(ConversionMethod):
        name = "toy"
        induces_noise = False
        capturable = False
        trained_timesteps = (2,)

    assert COS(Toy()).name == "cos-toy"
    assert (COS(Toy()).capturable, COS().capturable) == (False, True)
    assert (COS(Toy()).trained_timesteps, COS().trained_timesteps) == ((2,), None)
    assert methods.get("cos").applied_to(Toy()).name == "cos-toy"


def test_a_named_combination_stays_what_it_is():
    assert methods.get("cos-plus").applied_to(NQ()).name == "cos-plus"
    assert methods.get("qcfs").applied_to(NQ()).name == "qcfs"


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_was_trained_directly_is_refused(way):
    with pytest.raises(ConfigError, match=f"trained for conversion, but got one of direct.*{way}"):
        methods.get(way).applied_to(methods.get("direct"))


@pytest.mark.parametrize("way", WAYS)
def test_a_checkpoint_of_direct_training_is_refused_before_its_data_are_read(way):
    path = CHECKPOINTS / "cifar10" / "direct-ce-norse-T2" / "best.json"
    with pytest.raises(ConfigError, match="trained for conversion, but got one of direct"):
        job_of(path, DataOptions("cifar10", Path("nowhere"), download=False), way)


def test_a_checkpoint_is_evaluated_as_the_method_on_its_network():
    path = ROOT / "results" / "check" / "digits" / "best.json"
    job = job_of(path, DataOptions("digits"), "cos")
    assert (job.method.name, job.training) == ("cos-nq", "nq")
    images, _ = job.data.test.batch(range(4))
    simulation = job.method.simulation(job.load(path), "reference")
    assert simulation(images, 2).shape == (2, 4, 10)


def test_a_training_may_start_from_the_network_it_shares():
    job = dataclasses.replace(tiny_job(extensions=Extensions(start_from="cos")))
    assert job.predecessor().training == "qcfs"
