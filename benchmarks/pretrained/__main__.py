"""`python -m benchmarks.pretrained`: methods without training on EfficientNet-Lite0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from resnoise_baselines.cos import FromCalibratedStart
from resnoise_baselines.snm import SNM, SignedIF
from torch import Tensor, fx

from benchmarks.pretrained.efficientnet import (
    CALIBRATION_IMAGES,
    LEVELS,
    TIMESTEPS,
    calibration_and_test,
    efficientnet_lite0,
    photographs,
)
from resnoise import ActivationConfig, calibrate_thresholds_, convert, predictions, prepare
from resnoise.analysis.statistics import wilson_interval
from resnoise.records.provenance import commit_of, provenance
from resnoise.simulation.simulator import FromRest, Simulation

QUANTISED = [
    *((per, "mse", levels) for per in ("channel", "layer") for levels in (8, 16, 32)),
    *(("channel", by, LEVELS) for by in ("percentile", "max")),
]
COS_STEPS = 8
"""ρ that the authors of COS take on ImageNet."""
SIMULATIONS: dict[str, Callable[[fx.GraphModule], Simulation]] = {
    "plain": lambda network: FromRest(convert(network)),
    "signed-if": lambda network: SignedIF().simulation(network, "reference"),
    "cos": lambda network: FromCalibratedStart(convert(network), COS_STEPS),
    "snm": lambda network: SNM().simulation(network, "reference"),
}
BATCH = 10


def main(
    images: Annotated[Path, typer.Option(help="zip file of photographs, a folder a class")],
    out: Annotated[Path, typer.Option(help="folder for accuracy.csv and accuracy.md")],
    test_images: Annotated[int, typer.Option(min=1, max=900)] = 900,
    packages: Annotated[Path, typer.Option(help="where to put the packages")] = Path(
        "runs/efficientnet-lite0"
    ),
    methods: Annotated[str, typer.Option(help="of these")] = ",".join(SIMULATIONS),
    threads: Annotated[int, typer.Option(help="threads of torch", min=1)] = 1,
) -> None:
    """Accuracy on photographs that thresholds are not calibrated on; nothing is trained."""
    torch.set_num_threads(threads)
    made_by = provenance()
    model = efficientnet_lite0(packages)
    classes, all_images = photographs(images)
    calibration, test = calibration_and_test(len(classes), test_images)
    rows: list[dict[str, Any]] = []

    def calibrated(per: str, by: str, levels: int) -> fx.GraphModule:
        network = prepare(model, ActivationConfig(levels=levels)).eval()
        calibrate_thresholds_(network, all_images[calibration], per=per, by=by)
        return network

    def add(right: Tensor, **row: Any) -> None:
        interval = wilson_interval(int(right.sum()), len(right))
        rows.append({**row, "accuracy": right.double().mean().item(), **interval._asdict()})
        rows[-1]["images"] = len(right)
        print(rows[-1], flush=True)
        _write(out, rows, made_by)

    def right(function: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
        for chosen in test.split(BATCH):
            yield function(all_images[chosen]) == chosen

    with torch.inference_mode():
        add(torch.cat([*right(lambda x: model(x).argmax(-1))]), network="as trained")
        network = calibrated("channel", "mse", LEVELS)
        for name in methods.split(","):
            simulation = SIMULATIONS[name](network)
            found = torch.cat(
                [*right(lambda x, run=simulation: predictions(run(x, max(TIMESTEPS))))], dim=1
            )
            calibration_steps = COS_STEPS if name == "cos" else 0
            for timesteps in TIMESTEPS:
                add(
                    found[timesteps - 1], network=f"spiking, {name}", per="channel", by="mse",
                    levels=LEVELS, calibration_steps=calibration_steps, timesteps=timesteps,
                )  # fmt: skip
        for per, by, levels in QUANTISED:
            quantised = calibrated(per, by, levels)
            found = torch.cat([*right(lambda x, run=quantised: run(x).argmax(-1))])
            add(found, network="quantised", per=per, by=by, levels=levels)


def _write(out: Path, rows: list[dict[str, Any]], made_by: Any) -> None:
    out.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows)
    for name in ("levels", "calibration_steps", "timesteps"):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    frame.to_csv(out / "accuracy.csv", index=False, float_format="%.4f")
    (out / "accuracy.md").write_text(_page(frame, made_by), encoding="utf-8")


def _page(frame: pd.DataFrame, made_by: Any) -> str:
    images = frame["images"].iloc[0]
    spiking = frame[frame["network"].str.startswith("spiking")]
    quantised = frame[frame["network"] == "quantised"]
    lines = [
        "# EfficientNet-Lite0, converted without training",
        "",
        f"Accuracy in per cent on {images} photographs of ImageNet classes, one a class, with its "
        f"95 % interval; thresholds from {CALIBRATION_IMAGES} others. They are probably training "
        "images of the network: the table says what conversion loses, not how accurate the "
        "network is.",
        "",
        f"As trained, without quantisation: {_percent(frame.iloc[0])}.",
        "",
    ]
    if len(spiking):
        lines += _spiking_table(spiking)
    if len(quantised):
        lines += [
            "| quantised, without spikes | rule | L | accuracy |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| θ per {row.per} | {row.by} | {row.levels} | {_percent(row)} |"
            for row in quantised.itertuples()
        ] + [""]
    lines.append(
        f"Made by `python -m benchmarks.pretrained` of commit {commit_of(made_by)}; resnoise "
        f"{made_by.resnoise_version}, PyTorch {made_by.torch_version}, Python "
        f"{made_by.python_version}, {made_by.machine}."
    )
    return "\n".join(lines) + "\n"


def _spiking_table(spiking: pd.DataFrame) -> list[str]:
    lines = [
        f"Spiking, θ per channel by the least squared error of {LEVELS} levels; ρ are the "
        "calibration steps that every image costs before those of T.",
        "",
        f"| method | ρ | {' | '.join(f'T={t}' for t in TIMESTEPS)} |",
        "| --- " * (len(TIMESTEPS) + 2) + "|",
    ]
    for name, group in spiking.groupby("network", sort=False):
        cells = [_percent(row) for row in group.itertuples()]
        rho = group["calibration_steps"].iloc[0]
        lines.append(f"| {name.removeprefix('spiking, ')} | {rho} | {' | '.join(cells)} |")
    return [*lines, ""]


def _percent(row: Any) -> str:
    return f"{100 * row.accuracy:.1f} ({100 * row.low:.1f} to {100 * row.high:.1f})"


if __name__ == "__main__":
    typer.run(main)
