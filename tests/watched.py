"""Methods that note what a training does to them, and validate as they are told."""

from __future__ import annotations

import dataclasses
import math

from tiny_job import METHODS

from resnoise.conversion.activation import activations
from resnoise.methods import Validation


class Watched:
    """Mixed into a method: σ in each step, and the accuracies that validation gives."""

    def __init__(self, accuracies=None, diverge_at=None, scale=1.0):
        self.accuracies = accuracies
        self.diverge_at = diverge_at
        self.scale = scale
        self.sigmas, self.states = [], []

    def loss(self, network, images, labels):
        self.sigmas.append([layer.sigma.item() for layer in activations(network).values()])
        loss, logits = super().loss(network, images, labels)
        loss = loss * self.scale
        if self.diverge_at is not None and len(self.sigmas) > self.diverge_at:
            loss = loss * math.nan
        return loss, logits

    def validate_(self, network, batches, recipe):
        found = super().validate_(network, batches, recipe)
        self.states.append({k: v.clone() for k, v in network.state_dict().items()})
        if self.accuracies is None:
            return found
        return Validation(self.accuracies[len(self.states) - 1], found.layers)


WATCHED = {name: type(name, (Watched, method), {}) for name, method in METHODS.items()}


def with_method(job, method):
    return dataclasses.replace(job, method=method)
