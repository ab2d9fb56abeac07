"""Simulations of small networks of random weights, by every method that there is."""

from __future__ import annotations

from networks import images, plain, source

from resnoise import methods
from resnoise.config.recipe import Recipe
from resnoise.simulation.simulator import Simulation

SHAPE = (2, 4, 4)
TIMESTEPS = 6
METHODS = ["nq", "srp", "cos", "snm", "signed-if", "ftbc", "ftbc-snm", "direct"]


def simulation_of(
    name: str, backend: str, timesteps: int = TIMESTEPS, device: str = "cpu"
) -> Simulation:
    """The simulation of a method, for images of `SHAPE`, calibrated if it asks for it."""
    method = methods.get(name)
    if name == "direct":
        network = method.network(plain(), f"direct-ce-{backend}-T{timesteps}", Recipe()).eval()
        for parameter in network.parameters():
            parameter.data.mul_(3)  # so that every layer fires
    else:
        network = source(plain())
    simulation = method.simulation(network.to(device), backend)
    if method.requirements.calibration_images:
        simulation.calibrate_(images(20, *SHAPE, seed=9).to(device), timesteps)
    return simulation
