"""Deterministic figures: what simulations of fixed weights do on every backend, and the rest.

Training, data, evaluation and the neurons that others train with have files of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from resnoise.check import exact_data, exact_evaluation, exact_neurons, exact_training
from resnoise.check.exact_network import grid_images, grid_network
from resnoise.check.measurement import Figure, Kind, digest
from resnoise.check.public import public
from resnoise.check.trained import converted_training

if TYPE_CHECKING:
    from resnoise import Job
    from resnoise.simulation.simulator import Simulation

TIMESTEPS = 8
GRID_IMAGES = 32
CALIBRATION_IMAGES = 64
LOOP_STEPS = 4
LEAKY_NEURONS = 256
NOTED_DRAWS = 4
# Times at which accuracy and operations are noted; later ones add little.
NOTED = (1, 2, 4, 8)


def groups(checkpoint: Path) -> dict[str, Callable[[], Iterator[Figure]]]:
    """Groups of figures by name; each can fail without the others.

    Args:
        checkpoint: `best.json` of the fixed weights.
    """
    from resnoise import backends

    trained = json.loads(checkpoint.read_text(encoding="utf-8"))["job"]["training"]
    applied = _post_training(trained)
    found: dict[str, Callable[[], Iterator[Figure]]] = {}
    for name in backends.available():
        found[f"grid, {name}"] = lambda name=name: grid_figures(name)
        found[f"digits, {name}"] = lambda name=name: digits_figures(checkpoint, name)
        found[f"neurons, {name}"] = lambda name=name: neuron_figures(name)
        found[f"leaky, {name}"] = lambda name=name: leaky_figures(name)
        for method in applied:
            found[f"grid, {method}, {name}"] = lambda place=(method, name): method_figures(*place)
        for method in applied.values():
            found[f"digits, {method}, {name}"] = lambda place=(method, name): applied_figures(
                checkpoint, *place
            )
    found["noise"] = lambda: noise_figures(checkpoint)
    return {
        **found,
        **exact_neurons.groups(),
        **exact_training.groups(),
        **exact_data.groups(),
        **exact_evaluation.groups(checkpoint),
    }


def _post_training(trained: str) -> dict[str, str]:
    """Methods that train nothing of their own, and the name of each on networks of `trained`."""
    from resnoise import methods

    found = {}
    for name in methods.names():
        try:
            if converted_training(name) not in (None, name):
                found[name] = methods.get(name).applied_to(methods.get(trained)).name
        except (ImportError, AttributeError):  # an older tree may lack the file, class or function
            continue
    return found


def grid_figures(backend: str) -> Iterator[Figure]:
    """Spikes, membranes and logits of a network without rounding errors."""
    from resnoise import convert
    from resnoise.metrics import ActivityMeter

    spiking = convert(grid_network(), backend)
    meter = ActivityMeter(spiking)
    with meter.counting(), torch.inference_mode():
        logits, states = spiking(grid_images(GRID_IMAGES), TIMESTEPS)
    place = f"grid, {backend}"
    for layer, rate in meter.activity(TIMESTEPS).firing_rates.items():
        yield Figure(f"{place}: firing rate of layer {layer}", Kind.IDENTICAL, rate)
    membranes = digest(*(state.v for state in states))
    yield Figure(f"{place}: digest of membranes", Kind.IDENTICAL, membranes)
    yield Figure(f"{place}: digest of logits", Kind.IDENTICAL, digest(logits))


def method_figures(name: str, backend: str) -> Iterator[Figure]:
    """What a method that trains nothing of its own does with a network without rounding errors."""
    from resnoise import methods

    simulation = methods.get(name).simulation(grid_network(), backend)
    _calibrate(simulation, grid_images(GRID_IMAGES, seed=1))
    logits = simulation(grid_images(GRID_IMAGES), TIMESTEPS)
    yield Figure(f"grid, {name}, {backend}: digest of logits", Kind.IDENTICAL, digest(logits))


def digits_figures(checkpoint: Path, backend: str) -> Iterator[Figure]:
    """Accuracy and operations of trained weights on the test images of digits."""
    job = public("job_of")(checkpoint, public("DataOptions")("digits"))
    yield from _digits(job, checkpoint, backend, f"digits, {backend}")


def applied_figures(checkpoint: Path, name: str, backend: str) -> Iterator[Figure]:
    """The same of a method that trains nothing of its own and takes the trained weights."""
    job = public("job_of")(checkpoint, public("DataOptions")("digits"), name)
    yield from _digits(job, checkpoint, backend, f"digits, {name}, {backend}")


def _digits(job: Job, checkpoint: Path, backend: str, place: str) -> Iterator[Figure]:
    from resnoise import predictions
    from resnoise.metrics import ActivityMeter

    simulation = job.method.simulation(job.load(checkpoint), backend)
    _calibrate(simulation, job.data.train.batch(range(CALIBRATION_IMAGES))[0])
    images, labels = job.data.test.batch(range(len(job.data.test)))
    meter = ActivityMeter(simulation.network)
    with meter.counting():
        predicted = predictions(simulation(images, TIMESTEPS))
    # A dense step costs what one pass of the network without spikes costs.
    one_pass = meter.activity(1).synops_dense
    for timesteps in NOTED:
        # Older trees have no method on these weights that spends more than T steps.
        spent = simulation.spent(timesteps) if hasattr(simulation, "spent") else (timesteps,)
        activity = meter.activity(*spent)
        at = f"{place}, T={timesteps}"
        right = (predicted[timesteps - 1] == labels).sum().item()
        operations = activity.acs + activity.macs
        yield Figure(f"{at}: test images right", Kind.IMAGES, right)
        yield Figure(f"{at}: firing rate", Kind.CLOSE, activity.firing_rate)
        yield Figure(f"{at}: effective SynOps", Kind.CLOSE, activity.synops_effective)
        ratio = operations / (timesteps * one_pass)
        yield Figure(f"{at}: R in operations", Kind.CLOSE, ratio)


def _calibrate(simulation: Simulation, images: Tensor) -> None:
    if hasattr(simulation, "calibrate_"):
        simulation.calibrate_(images, TIMESTEPS)


def neuron_figures(backend: str) -> Iterator[Figure]:
    """How many tensor operations the loop over neurons is made of."""
    from resnoise import backends

    neurons = backends.get(backend).integrate_and_fire(torch.tensor(1.0))
    with torch.inference_mode(), _Counter() as counter:
        neurons(torch.ones(LOOP_STEPS, 2, 3), None)
    name = f"neurons, {backend}: tensor operations in {LOOP_STEPS} steps"
    yield Figure(name, Kind.COUNT, counter.operations)


def leaky_figures(backend: str) -> Iterator[Figure]:
    """Spikes, membranes and surrogate gradients of the neurons that direct training trains."""
    from resnoise import backends
    from resnoise.backends import LeakyConfig

    generator = torch.Generator().manual_seed(0)
    # Eighths that halve at every step stay on a grid of float32.
    current = torch.randint(-8, 17, (TIMESTEPS, LEAKY_NEURONS), generator=generator) / 8
    current.requires_grad_()
    spikes, state = backends.get(backend).leaky(LeakyConfig())(current, None)
    spikes.sum().backward()
    place = f"leaky, {backend}"
    yield Figure(f"{place}: digest of spikes", Kind.IDENTICAL, digest(spikes.detach()))
    yield Figure(f"{place}: digest of membranes", Kind.IDENTICAL, digest(state.v.detach()))
    yield Figure(f"{place}: norm of the gradient", Kind.CLOSE, current.grad.norm().item())


def noise_figures(checkpoint: Path) -> Iterator[Figure]:
    """σ of every layer after an induction, and the noise that training then adds."""
    from resnoise import induce, noise_mode, set_noise_
    from resnoise.datasets import batches

    job = public("job_of")(checkpoint, public("DataOptions")("digits"))
    network = job.load(checkpoint)
    induction = induce(network, batches(job.data.validation, 64), timesteps=4)
    set_noise_(network, induction)
    for name, layer in public("activations")(network).items():
        yield Figure(f"noise: σ of layer {name}", Kind.CLOSE, layer.sigma.item())
    layer.seed_noise_(torch.Generator().manual_seed(0))
    with torch.no_grad():
        zeros = torch.zeros(2**18)
        quiet = layer(zeros)
        with noise_mode(network, "always"):
            noise = layer(zeros) - quiet
    for draw, value in enumerate((noise[:NOTED_DRAWS] / layer.sigma).tolist()):
        yield Figure(f"noise: draw {draw} over σ", Kind.CLOSE, value)
    yield Figure("noise: standard deviation over σ", Kind.CLOSE, (noise.std() / layer.sigma).item())


class _Counter(TorchDispatchMode):
    """Counts the operations that reach a tensor library, views included."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations += 1
        return func(*args, **(kwargs or {}))
