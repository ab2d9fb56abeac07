"""What is written to a file: a converted network, its source network, and its rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import fx

from resnoise import methods
from resnoise.config.requirements import INTEGRATE_AND_FIRE
from resnoise.errors import ConversionError
from resnoise.export.rule import Rule, rule_of, rule_of_model
from resnoise.export.steps import Steps, steps_of
from resnoise.methods.method import Method
from resnoise.simulation.network import SpikingNetwork
from resnoise.training.job import Job
from resnoise.training.loading import restore, source_network


@dataclass(frozen=True)
class Exported:
    """A network and all that somebody else needs to run it.

    Attributes:
        network: of plain integrate-and-fire neurons, on the reference backend.
        source: the network with L levels that it was converted from.
        rule: how it is run.
    """

    network: SpikingNetwork
    source: fx.GraphModule
    rule: Rule

    @cached_property
    def steps(self) -> Steps:
        """One time step as a list of operations."""
        return steps_of(self.network, self.rule.input_shape)


def from_checkpoint(path: Path, method: str | None = None) -> Exported:
    """The network of a checkpoint.

    Args:
        path: `best.json` or `last.json` of a training.
        method: another method to run it by; default is the one that trained it.

    Raises:
        CheckpointError: the checkpoint is damaged.
        ConversionError: the method needs other than integrate-and-fire neurons.

    Examples:
        >>> from_checkpoint(Path("results/check/digits/best.json")).rule.architecture
        'digits-cnn'
    """
    info, trained = restore(path)
    trained_by = methods.get(info.method)
    chosen = trained_by if method is None else methods.get(method).applied_to(trained_by)
    require_plain(chosen)
    return _exported(chosen, source_network(trained_by, trained, path), rule_of(info))


def from_job(job: Job, path: Path) -> Exported:
    """The network of a checkpoint of a job, which may be of a model of one's own.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another job.
        ConversionError: the method needs other than integrate-and-fire neurons.
    """
    require_plain(job.method)
    info, trained = job.restore(path)
    return _exported(job.method, source_network(job.method, trained, path), rule_of(info))


def from_model(job: Job, source: fx.GraphModule) -> Exported:
    """A model of one's own; for the arguments see `resnoise.training.own_model.calibrated_job`.

    Raises:
        ConversionError: the method needs other than integrate-and-fire neurons.
    """
    require_plain(job.method)
    return _exported(job.method, source, rule_of_model(job))


def _exported(method: Method, source: fx.GraphModule, rule: Rule) -> Exported:
    return Exported(method.simulation(source, "reference").network, source, rule)


def require_plain(method: Method) -> None:
    """Raise `ConversionError`, which says why, unless a file of a plain network holds a method."""
    needs = method.requirements
    if needs.division == "plain" and needs.neuron == INTEGRATE_AND_FIRE:
        return
    instead = "export the network without it"
    if needs.looks_at_test_image:
        reason = "it adapts its neurons to each image before it predicts"
    elif needs.spike_levels > 1:
        reason = f"its neurons are {needs.neuron} and also send negative spikes"
    elif needs.division == "plain":
        reason, instead = f"its neurons are {needs.neuron}", "export one that was converted"
    else:
        reason = "it adds a current of its own at each time step"
    raise ConversionError(
        f"cannot export {method.name}: {reason}, and a file holds integrate-and-fire neurons that "
        f"start at θ/2 and are reset by subtraction; {instead}"
    )
