"""SNM: signed neurons with memory, which take a spike back when their potential turns negative.

Wang et al., IJCAI 2022, "Signed neuron with memory: towards simple, accurate and high-efficient
ANN-SNN conversion". Negative spikes are another neuron: chips that have only integrate-and-fire
neurons cannot run it.
"""

from __future__ import annotations

from typing import ClassVar

from resnoise_baselines.qcfs import QCFS
from torch import fx

from resnoise.config.requirements import Requirements
from resnoise.conversion.converter import convert
from resnoise.methods.post_training import PostTraining
from resnoise.simulation.simulator import FromRest, Simulation

SIGNED = Requirements(neuron="signed integrate-and-fire", spike_levels=2, state_values=2)
"""What signed neurons ask for: they keep what they sent beside their potential."""


class SNM(PostTraining):
    """Signed neurons with the paper's negative threshold, θ₋ = −θ.

    The authors' code (ppppps/ANN2SNNConversion_SNM_NeuronNorm @main) converts networks of plain
    ReLUs and starts from v(0) = 0. Networks of QCFS round to the nearest level, for which
    v(0) = θ/2 is right.

    Attributes:
        negative_threshold: θ₋/θ.
    """

    name = "snm"
    paper = "https://www.ijcai.org/proceedings/2022/347"
    published_on = QCFS
    requirements = SIGNED
    negative_threshold: ClassVar[float] = -1.0

    def simulation(self, network: fx.GraphModule, backend: str) -> Simulation:
        return FromRest(convert(network, backend, negative_threshold=self.negative_threshold))


class SignedIF(SNM):
    """The signed neurons of Fast-SNN, which take a spike back as soon as the potential is negative.

    Source: Hu et al., TPAMI 2023, "Fast-SNN"; its code has this small negative threshold.
    """

    name = "signed-if"
    paper = "https://arxiv.org/abs/2305.19868"
    negative_threshold = -1e-3
