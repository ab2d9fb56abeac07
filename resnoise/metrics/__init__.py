"""What the suite measures of a spiking network, apart from its accuracy."""

from __future__ import annotations

from resnoise.metrics.activity import Activity, ActivityMeter
from resnoise.metrics.energy import AC_PJ, MAC_PJ, ann_macs, energy_nj
from resnoise.metrics.fidelity import agreement, conversion_gap, timesteps_to_reach
from resnoise.metrics.latency import (
    Latency,
    alternate,
    forward_pass,
    overhead_ratio,
    plain_network,
)
from resnoise.metrics.memory import (
    Footprint,
    footprint,
    peak_memory_mib,
    without_old_garbage,
)

__all__ = [
    "AC_PJ",
    "MAC_PJ",
    "Activity",
    "ActivityMeter",
    "Footprint",
    "Latency",
    "agreement",
    "alternate",
    "ann_macs",
    "conversion_gap",
    "energy_nj",
    "footprint",
    "forward_pass",
    "overhead_ratio",
    "peak_memory_mib",
    "plain_network",
    "timesteps_to_reach",
    "without_old_garbage",
]
