"""Every backend gives the spikes and membranes of the reference, bit for bit."""

import copy
import shutil
import subprocess
import sys
import textwrap

import pytest
import torch
from networks import grid_images, images, plain, put_on_grid_, source
from torch import nn

from resnoise import backends
from resnoise.backends import LeakyConfig
from resnoise.conversion.converter import convert
from resnoise.errors import BackendError, ConfigError
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.neuron import IFState, if_step, initial_state

OTHERS = [name for name in backends.names() if name != "reference"]
ARCHITECTURES = ["resnet20", "vgg16"]


def require(backend):
    if backend not in backends.available():
        pytest.skip(backends.missing()[backend])


@pytest.fixture(scope="module", params=ARCHITECTURES)
def random_network(request):
    """A source network with random weights and BatchNorm statistics."""
    return source(request.param)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def grid_network(request):
    """A source network on which membranes meet thresholds exactly."""
    network = source(request.param)
    put_on_grid_(network)
    return network


def gates(spiking, x):
    """A state at rest with random gates for every layer."""
    _, state = spiking(x, 1)
    generator = torch.Generator().manual_seed(9)
    return tuple(
        IFState(
            torch.full_like(layer.v, 0.5) * spiking.spiking_layers[name].threshold,
            torch.randint(0, 4, layer.v.shape, generator=generator).clamp(max=1).float(),
        )
        for name, layer in zip(spiking.layers, state, strict=True)
    )


def run(network, backend, x, timesteps, *, gated=False):
    """Logits, what every layer of neurons put out, end states, and each layer's input."""
    spiking = convert(network, backend)
    start = gates(spiking, x) if gated else None
    outputs, inputs = {}, {}

    def keep(name):
        def hook(module, given, output):
            inputs[name] = given
            outputs[name] = output[0].clone()

        return hook

    for name, layer in spiking.spiking_layers.items():
        layer.register_forward_hook(keep(name))
    with torch.inference_mode():
        logits, state = spiking(x, timesteps, start)
    return spiking, logits, outputs, state, inputs


def assert_same(one, other):
    assert torch.equal(one[1], other[1])
    assert list(one[2]) == list(other[2])
    for name in one[2]:
        assert torch.equal(one[2][name], other[2][name]), name
    for a, b in zip(one[3], other[3], strict=True):
        assert torch.equal(a.v, b.v)
        assert (a.gate is None) == (b.gate is None)


def replay(spiking, inputs):
    """Run every layer again from its recorded input, and count.

    Returns the layers' outputs, how often a membrane was exactly at θ, how many of the layers
    fired, and how many spikes a strict comparison would have lost in the same steps.
    """
    outputs, ties, firing, lost = {}, 0, 0, 0
    for name, layer in spiking.spiking_layers.items():
        current, timesteps, state = inputs[name]
        steps = [current] * timesteps if layer.constant_input else current.chunk(timesteps)
        state = state or initial_state(steps[0], layer.threshold)
        spikes = []
        for now in steps:
            u = state.v + now
            fire, state = if_step(now, state, layer.threshold)
            ties += int((u == layer.threshold).sum())
            lost += int((fire.bool() & ~(u > layer.threshold)).sum())
            spikes.append(fire)
        outputs[name] = torch.cat(spikes) * layer.threshold
        firing += bool(outputs[name].any())
    return outputs, ties, firing, lost


@pytest.mark.parametrize("gated", [False, True], ids=["open", "gated"])
def test_random_weights(random_network, gated):
    x = images(2, 3, 32, 32)
    reference = run(random_network, "reference", x, 4, gated=gated)
    by_steps, _, firing, _ = replay(reference[0], reference[4])
    assert firing == len(reference[2])
    for name, output in reference[2].items():
        assert torch.equal(output, by_steps[name]), name
    for backend in backends.available():
        assert_same(run(random_network, backend, x, 4, gated=gated), reference)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_ties(grid_network, layout):
    x = grid_images(2, 3, 32, 32).contiguous(memory_format=layout)
    network = grid_network.to(memory_format=layout)
    reference = run(network, "reference", x, 4)
    by_steps, ties, firing, lost = replay(reference[0], reference[4])
    assert ties > 1000
    assert lost == ties  # a strict comparison would have missed every one of them
    assert firing == len(reference[2])
    for name, output in reference[2].items():
        assert torch.equal(output, by_steps[name]), name
    for backend in backends.available():
        assert_same(run(network, backend, x, 4), reference)


@pytest.mark.parametrize("backend", backends.names())
def test_chunks_of_time_and_memory_layouts_are_exact_on_the_grid(grid_network, backend):
    require(backend)
    x = grid_images(2, 3, 32, 32)
    spiking = convert(grid_network.to(memory_format=torch.contiguous_format), backend)
    with torch.inference_mode():
        whole, end = spiking(x, 4)
        first, middle = spiking(x, 2)
        second, chunked_end = spiking(x, 2, middle)
        spiking.to(memory_format=torch.channels_last)
        other, other_end = spiking(x.contiguous(memory_format=torch.channels_last), 4)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(other, whole)
    for a, b, c in zip(end, chunked_end, other_end, strict=True):
        assert torch.equal(a.v, b.v)
        assert torch.equal(a.v, c.v)


@pytest.mark.parametrize("backend", backends.names())
@pytest.mark.parametrize("shape", [(5,), (3, 7), (2, 3, 4, 5)])
@pytest.mark.parametrize("gated", [False, True], ids=["open", "gated"])
def test_a_layer_of_neurons_against_the_reference_semantics(backend, shape, gated):
    require(backend)
    threshold = torch.tensor(0.7)
    neurons = backends.get(backend).integrate_and_fire(threshold)
    currents = images(9, *shape) + 0.3
    gate = (images(*shape, seed=2) > -0.5).float() if gated else None
    start = initial_state(currents[0], threshold)._replace(gate=gate)
    expected, state = [], start
    for current in currents:
        spikes, state = if_step(current, state, threshold)
        expected.append(spikes)
    before = start.v.clone()
    got, end = neurons(currents, start if gated else None)
    assert torch.equal(got, torch.stack(expected))
    assert torch.equal(end.v, state.v)
    assert end.gate is gate
    assert torch.equal(start.v, before)
    again, _ = neurons(currents, start)
    assert torch.equal(again, got)  # nothing of the state stayed in the module


@pytest.mark.parametrize("backend", backends.names())
def test_a_copy_has_a_threshold_of_its_own(backend):
    require(backend)
    neurons = backends.get(backend).integrate_and_fire(torch.tensor(1.0))
    copied = copy.deepcopy(neurons)
    thresholds = [b for name, b in copied.named_buffers() if name.endswith(("threshold", "v_th"))]
    assert thresholds
    for threshold in thresholds:
        threshold.fill_(0.5)
    spikes, state = copied(torch.tensor([[0.2]]), None)
    assert (spikes.item(), state.v.item()) == (0, pytest.approx(0.45))  # v(0) = θ/2
    assert neurons(torch.tensor([[0.2]]), None)[1].v.item() == pytest.approx(0.7)


@pytest.mark.parametrize("backend", backends.names())
def test_the_published_trap(backend):
    require(backend)
    neurons = backends.get(backend).integrate_and_fire(torch.tensor(1.0))
    currents = torch.tensor([2.6, 0, 0, 0.4, 0.4]).unsqueeze(1)
    spikes, _ = neurons(currents, IFState(torch.zeros(1)))
    assert spikes.flatten().tolist() == [1, 1, 0, 0, 1]


@pytest.mark.parametrize("backend", backends.names())
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types(backend, dtype):
    require(backend)
    threshold = torch.tensor(0.75, dtype=dtype)
    currents = (images(6, 4, 5) + 0.3).to(dtype)
    neurons = backends.get(backend).integrate_and_fire(threshold)
    spikes, state = neurons(currents, None)
    reference = backends.get("reference").integrate_and_fire(threshold)(currents, None)
    assert spikes.dtype == state.v.dtype == dtype
    assert torch.equal(spikes, reference[0])
    assert torch.equal(state.v, reference[1].v)


@pytest.mark.parametrize("alpha", [1.0, 3.0])
@pytest.mark.parametrize("backend", backends.names())
def test_leaky_neurons_have_the_dynamics_of_their_configuration(backend, alpha):
    require(backend)
    config = LeakyConfig(beta=0.75, threshold=0.5, alpha=alpha)
    if backend == "norse" and alpha != 1:
        # Norse 1.1 takes a steepness, and ignores it.
        with pytest.raises(ConfigError, match=r"`alpha` to be 1, .* got 3.0"):
            backends.get(backend).leaky(config)
        return
    neurons = backends.get(backend).leaky(config)
    currents = (images(8, 3, 6) + 0.5).requires_grad_()
    got, end = neurons(currents, None)
    v = torch.zeros(3, 6)
    for t, current in enumerate(currents.detach()):
        u = config.beta * v + current
        spikes = (u > config.threshold).float()
        v = u - config.threshold * spikes
        assert torch.equal(got[t], spikes)
    assert torch.allclose(end.v, v, atol=1e-6)
    assert 0 < got.mean() < 1

    # The surrogate gradient of the last step: no other step's spikes depend on its current.
    u = (config.beta * neurons(currents[:-1], None)[1].v + currents[-1]).detach()
    (gradient,) = torch.autograd.grad(got[-1].sum(), currents)
    expected = 1 / (config.alpha * (u - config.threshold).abs() + 1) ** 2
    assert torch.allclose(gradient[-1], expected, atol=1e-6)


@pytest.mark.parametrize("backend", OTHERS)
def test_leaky_neurons_learn_alike(backend):
    require(backend)
    weight = images(5, 3, seed=4)
    gradients = []
    for name in ("reference", backend):
        linear = nn.Linear(3, 5, bias=False)
        linear.weight.data.copy_(weight)
        spikes, _ = backends.get(name).leaky(LeakyConfig())(linear(images(6, 4, 3) + 0.5), None)
        (spikes * images(6, 4, 5, seed=5)).sum().backward()
        gradients.append(linear.weight.grad)
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"beta": 1.0}, {"beta": -0.1}, {"threshold": 0.0}, {"alpha": 0.0}]
)
def test_leaky_configuration_is_checked(change):
    with pytest.raises(ConfigError, match=f"`{next(iter(change))}`.*but got"):
        LeakyConfig(**change)


@pytest.mark.parametrize("backend", backends.available())
def test_a_discarded_network_is_freed(backend):
    import gc
    import weakref

    neurons = backends.get(backend).integrate_and_fire(torch.tensor(1.0))
    neurons(torch.ones(2, 3), None)
    kept = weakref.ref(neurons)
    parts = [weakref.ref(module) for module in neurons.modules()]
    del neurons
    gc.collect()
    assert kept() is None
    assert all(part() is None for part in parts)


def test_versions_are_the_libraries():
    from importlib.metadata import version

    for name in backends.available():
        backend = backends.get(name)
        assert backend.name == name
        assert backend.version == version("torch" if name == "reference" else name)


def test_an_unknown_backend_names_the_known_ones():
    with pytest.raises(BackendError, match="unknown backend 'lava'; known: reference, norse, snn"):
        backends.get("lava")


@pytest.mark.parametrize("library", OTHERS)
def test_a_missing_library_breaks_nothing(library):
    script = f"""
        import sys

        class Without:
            def __init__(self, finder):
                self.finder = finder

            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] != "{library}":
                    return self.finder.find_spec(name, path, target)

        sys.meta_path = [Without(finder) for finder in sys.meta_path]

        import resnoise
        from resnoise import backends
        from resnoise.errors import BackendError

        assert "{library}" in backends.names()
        assert "{library}" not in backends.available()
        assert "reference" in backends.available()
        assert backends.missing()["{library}"] == "pip install 'resnoise[{library}]'"
        assert "reference" not in backends.missing()
        backends.get("reference")
        try:
            backends.get("{library}")
        except BackendError as error:
            assert "pip install 'resnoise[{library}]'" in str(error), error
        else:
            raise AssertionError("expected a BackendError")
        assert not {{"norse", "snntorch"}} & set(sys.modules)  # none is loaded until it is used
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("name", backends.available())
def test_compiled_neurons_are_the_same_bit_for_bit(name, gated):
    generator = torch.Generator().manual_seed(0)
    current = torch.randint(-4, 9, (5, 3, 7, 11), generator=generator) / 4  # many ties at θ = 1
    threshold = torch.tensor(1.0)
    gate = torch.randint(0, 2, current.shape[1:], generator=generator).float() if gated else None
    start = initial_state(current[0], threshold)._replace(gate=gate)
    layer = SpikingLayer(
        backends.get(name).integrate_and_fire(threshold), threshold, constant_input=False
    )
    expected = layer(current.flatten(0, 1), 5, start)
    layer.compiled = True
    got = layer(current.flatten(0, 1), 5, start)
    assert torch.equal(expected[0], got[0])
    assert torch.equal(expected[1].v, got[1].v)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("name", backends.available())
def test_a_network_with_compiled_neurons_simulates_the_same(name):
    """From rest, from a state, with constant and with changing input."""
    network = convert(source(plain()), name)
    x = images(3, 2, 4, 4)
    logits, state = network(x, 2)
    more, _ = network(x, 2, state)
    compile_neurons_(network)
    compiled_logits, compiled_state = network(x, 2)
    compiled_more, _ = network(x, 2, compiled_state)
    assert torch.equal(logits, compiled_logits)
    assert torch.equal(more, compiled_more)
