"""Records against what can be computed from the network directly."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from resnoise import (
    ExecutionConfig,
    Job,
    Recipe,
    convert,
    evaluate,
    noise,
    predictions,
    simulate,
    train,
)
from resnoise.conversion import activation
from resnoise.conversion.activation import activations, noise_mode
from resnoise.datasets import batches, load
from resnoise.evaluation import costs, outcomes
from resnoise.methods import Training, get
from resnoise.metrics import ActivityMeter, Latency
from resnoise.training import checkpoint
from resnoise.utils.seeding import generator_for

TIMESTEPS = (1, 2, 4)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(6 * 4 * 4, 10),
    )  # fmt: skip
    data = load("digits", seed=3)
    job = Job(get("nq"), "nq", "own", data, Recipe(epochs=2, batch_size=64), 3, own_model=model)
    path = train(job, tmp_path_factory.mktemp("run"), ExecutionConfig(device="cpu"))
    return job, path, evaluate(job, path, "reference", Training("nq", TIMESTEPS))


def test_one_record_for_each_t(evaluated):
    _, _, records = evaluated
    assert [record.timesteps for record in records] == list(TIMESTEPS)


def test_accuracy_is_that_of_a_direct_simulation(evaluated):
    job, path, records = evaluated
    images, labels = job.data.test.batch(range(len(job.data.test)))
    network = job.load(path)
    rows = predictions(simulate(convert(network), images, max(TIMESTEPS)))
    source = network(images).argmax(-1)
    for record in records:
        right = (rows[record.timesteps - 1] == labels).numpy()
        assert np.array_equal(record.correct_array(), right)
        assert record.accuracy == pytest.approx(right.mean())
        same = (rows[record.timesteps - 1] == source).double().mean().item()
        assert record.agreement == pytest.approx(same)
        assert record.ann_accuracy == pytest.approx((source == labels).double().mean().item())


def test_noise_on_is_reported_apart_from_noise_off(evaluated, tmp_path):
    job, path, _ = evaluated
    info, tensors = checkpoint.read(path)
    # So much of it that it costs accuracy, whatever the weights are.
    noisier = {name: 10 * x if name.endswith("sigma") else x for name, x in tensors.items()}
    checkpoint.write(tmp_path / "best.json", info, noisier)
    (record,) = evaluate(job, tmp_path / "best.json", "reference", Training("nq", (1,)))

    layout = torch.channels_last  # noise is drawn in the order of memory
    network = job.load(tmp_path / "best.json").to(memory_format=layout)
    generator = generator_for(job.seed, "evaluation noise")
    for layer in activations(network).values():
        layer.seed_noise_(generator)
    right = []
    with noise_mode(network, "always"), torch.inference_mode():
        for images, labels in batches(job.data.test, 100):
            right.append(network(images.to(memory_format=layout)).argmax(-1) == labels)
    assert record.ann_noisy_accuracy == torch.cat(right).double().mean().item()
    assert record.ann_noisy_accuracy < record.ann_accuracy


def test_every_layer_and_batch_has_noise_of_its_own(evaluated, monkeypatch):
    job, path, records = evaluated
    seeds = []

    def add_noise(x, sigma, seed, *distribution):
        seeds.append(seed.item())
        return noise.add_noise(x, sigma, seed, *distribution)

    monkeypatch.setattr(activation, "add_noise", add_noise)
    again = evaluate(job, path, "reference", Training("nq", (1,)))
    assert len(set(seeds)) == len(seeds) > len(activations(job.load(path)))
    assert again[0].ann_noisy_accuracy == records[0].ann_noisy_accuracy


def test_costs_are_those_of_all_steps_calibration_too(evaluated, tmp_path, monkeypatch):
    nq, _, _ = evaluated
    job = dataclasses.replace(nq, method=get("qcfs"), training="qcfs")
    path = train(job, tmp_path, ExecutionConfig(device="cpu"))
    # Of a batch of the test split and of one image: with spikes and without.
    times = {100: (Latency(0.2, 0.06), Latency(0.01, 0)), 1: (Latency(0.004, 0.001), Latency(1, 0))}
    monkeypatch.setattr(costs, "_latencies", lambda *given: times[len(given[2])])
    (eight,) = evaluate(job, path, "reference", Training("qcfs", (8,)))
    srp = dataclasses.replace(job, method=get("srp"))
    (record,) = evaluate(srp, path, "reference", Training("qcfs", (4,)))

    assert (record.timesteps, record.presimulation_steps, record.total_steps) == (4, 4, 8)
    assert (record.neuron, record.looks_at_test_image) == ("gated integrate-and-fire", True)
    assert (record.requirements.division, eight.requirements.division) == ("open", "plain")
    neurons = 4 * 36 + 6 * 16
    assert (record.state_bytes, eight.state_bytes) == (8 * neurons, 4 * neurons)
    assert record.synops_dense == eight.synops_dense
    simulation = srp.method.simulation(job.load(path), "reference")
    meter = ActivityMeter(simulation.network)
    with meter.counting():
        simulation(job.data.test.batch(range(len(job.data.test)))[0], 4)
    assert record.acs == pytest.approx(meter.activity(8).acs) != meter.activity(4).acs
    assert record.energy_nj == pytest.approx(meter.activity(8).energy_nj)

    assert record.latency_batch == 100
    assert record.latency_ms_per_image == pytest.approx(2)
    assert record.latency_iqr_ms == pytest.approx(0.6)
    assert record.latency_batch1_ms == pytest.approx(4)
    assert record.latency_batch1_iqr_ms == pytest.approx(1)
    assert record.overhead_ratio == pytest.approx(0.2 / (8 * 0.01))


# In bytes a neuron: COS keeps the potential, the two extremes that it looks for and its calibration
# spikes; a signed neuron the potential and how many spikes it has sent.
@pytest.mark.parametrize(
    ("name", "state"), [("cos", 16), ("snm", 8), ("signed-if", 8), ("ftbc", 4), ("ftbc-snm", 8)]
)
def test_a_network_is_evaluated_as_a_method_that_trains_nothing(evaluated, name, state):
    nq, path, (plain, *_) = evaluated
    method = get(name).applied_to(nq.method)
    job = dataclasses.replace(nq, method=method)
    one, four = evaluate(job, path, "reference", Training("nq", (1, 4)))
    assert (one.method, one.training, one.levels) == (f"{name}-nq", "nq", plain.levels)
    rho = method.requirements.calibration_steps
    for record, steps in ((one, 1), (four, 4)):
        assert (record.timesteps, record.total_steps) == (steps, rho + steps)
        assert record.requirements == dataclasses.replace(method.requirements, state_values=1)
        assert record.requirements.division == "open"
        assert record.ann_accuracy == plain.ann_accuracy
        assert record.ann_macs == plain.ann_macs == plain.synops_dense
        channels = 4 + 6
        biases = steps * channels if method.requirements.calibration_images else 0
        assert record.parameters == plain.parameters + biases
    neurons = 4 * 36 + 6 * 16
    assert one.state_bytes == state * neurons
    # Every step from the second on costs the same densely; so do those of a calibration, but for
    # the classifier, which has no neurons to calibrate.
    classifier = 6 * 16 * 10
    a_step = plain.synops_dense - plain.macs
    assert one.synops_dense == plain.synops_dense + rho * (a_step - classifier)
    assert four.synops_dense == one.synops_dense + 3 * a_step


def test_a_record_is_of_the_weights_that_were_evaluated(evaluated, tmp_path, monkeypatch):
    job, path, records = evaluated
    shutil.copytree(path.parent, tmp_path / "run")
    copy = tmp_path / "run" / path.name
    predict = outcomes._predict

    def while_the_next_epoch_is_written(*arguments):
        info, tensors = checkpoint.read(copy)
        changed = {name: tensor + 1 for name, tensor in tensors.items()}
        checkpoint.write(copy, info.model_copy(update={"best_epoch": 3}), changed)
        return predict(*arguments)

    monkeypatch.setattr(outcomes, "_predict", while_the_next_epoch_is_written)
    (again,) = evaluate(job, copy, "reference", Training("nq", (1,)))
    assert again.correct == records[0].correct
    assert again.checkpoint_sha256 == records[0].checkpoint_sha256
    assert again.best_epoch == records[0].best_epoch


def test_test_images_are_named_by_their_place_in_the_data_set(evaluated):
    job, _, records = evaluated
    assert np.array_equal(records[0].test_id_array(), job.data.test_ids)
    assert records[0].data_sha256 == job.data.sha256


def test_operations_of_the_analogue_layer_count_once(evaluated):
    _, _, records = evaluated
    # 4 kernels of 3 x 3 on 6 x 6 positions; the first layer comes before any spike.
    assert {record.macs for record in records} == {4 * 9 * 36}


def test_footprint_is_that_of_the_folded_network(evaluated):
    _, _, records = evaluated
    layers = (4 * 9 + 4) + (6 * 4 * 9 + 6) + (6 * 16 * 10 + 10)
    thresholds = 2
    assert records[0].parameters == layers + thresholds


def test_evaluation_leaves_no_trace_in_the_default_generator(evaluated):
    job, path, _ = evaluated
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    evaluate(job, path, "reference", Training("nq", (1,)))
    assert torch.equal(torch.rand(3), expected)
