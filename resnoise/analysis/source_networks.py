"""The networks that were converted, as they are before: L levels, one forward pass, no spikes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from resnoise.analysis.rows import Groups, image_average, source_macs, with_levels
from resnoise.metrics.energy import energy_nj
from resnoise.records.record import Record

_Network = tuple[str, int | None]  # name of its training, and L

COLUMNS = (
    "training",
    "levels",
    "label",
    "methods",
    "ann_accuracy",
    "ann_noisy_accuracy",
    "ann_macs",
    "ann_energy_nj",
)


def source_networks(groups: Groups) -> pd.DataFrame:
    """One line per training and L of one section, whatever methods the network is converted by.

    Accuracies average over all test images of all seeds. `methods` names what the network is
    evaluated as; `ann_macs` and `ann_energy_nj` are of one forward pass, and not a number where no
    record tells. What was trained as a spiking network is the source of nothing, so it has no line.
    """
    seeds: dict[_Network, dict[int, Record]] = defaultdict(dict)
    methods: dict[_Network, dict[str, None]] = defaultdict(dict)
    macs: dict[_Network, float] = {}
    for row, by_timesteps in groups.items():
        records = [record for several in by_timesteps.values() for record in several]
        passed = source_macs(records)
        for record in records:
            if record.ann_accuracy is None:
                continue
            network = record.training, record.levels
            seeds[network].setdefault(record.seed, record)
            methods[network][row.method] = None
            if passed is not None:
                macs.setdefault(network, passed)
    several = len({levels for _, levels in seeds}) > 1
    lines = [
        {
            "training": training,
            "levels": levels,
            "label": with_levels(training, levels) if several else training,
            "methods": tuple(methods[training, levels]),
            "ann_accuracy": image_average(records.values(), "ann_accuracy"),
            "ann_noisy_accuracy": image_average(records.values(), "ann_noisy_accuracy"),
            "ann_macs": macs.get((training, levels), np.nan),
        }
        for (training, levels), records in seeds.items()
    ]
    frame = pd.DataFrame(lines, columns=COLUMNS).astype({"levels": "Int64"})
    return frame.assign(ann_energy_nj=energy_nj(frame["ann_macs"].astype(float)))
