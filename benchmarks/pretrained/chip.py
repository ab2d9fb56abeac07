"""`python -m benchmarks.pretrained.chip`: EfficientNet-Lite0 the whole way to a file.

Converted, simulated, written for one library, loaded by that alone in a process that may not import
this package, and simulated there.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor

from benchmarks.pretrained.efficientnet import (
    LEVELS,
    MIDDLE,
    SCALE,
    SIZE,
    TIMESTEPS,
    calibration_and_test,
    efficientnet_lite0,
    photographs,
)
from resnoise import ActivationConfig, calibrate_thresholds_, convert, prepare, simulate
from resnoise.export import writer
from resnoise.export.exported import Exported
from resnoise.export.rule import Rule
from resnoise.records.provenance import commit_of, provenance
from resnoise.report.markup import markdown_table
from resnoise.report.table import Table, cells, percent
from resnoise.simulation.network import SpikingNetwork

BATCH = 5

# Run by a Python that has the library; `resnoise` is there, and forbidden.
_ALONE = """
import json, sys, time
sys.modules["resnoise"] = None
sys.path.insert(0, {folder!r})
import numpy, torch
torch.set_num_threads(1)
from {module} import simulate
pixels = torch.from_numpy(numpy.load({pixels!r}))
started = time.perf_counter()
with torch.no_grad():
    logits = torch.cat([simulate(part, {timesteps}) for part in pixels.split({batch})], 1)
seconds = time.perf_counter() - started
numpy.save({out!r}, logits.numpy())
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) / 1024  # resource's would begin with the parent's
print(json.dumps({{"seconds": seconds, "peak_mib": peak}}))
"""


def main(
    images: Annotated[Path, typer.Option(help="zip file of photographs, a folder a class")],
    out: Annotated[Path, typer.Option(help="folder for chip.csv and chip.md")],
    test_images: Annotated[int, typer.Option(min=1, max=900)] = 50,
    timesteps: Annotated[int, typer.Option(min=1, help="largest T")] = max(TIMESTEPS),
    to: Annotated[str, typer.Option(help="norse or snntorch")] = "norse",
    runs: Annotated[Path, typer.Option(help="where to put packages and files")] = Path(
        "runs/efficientnet-lite0"
    ),
) -> None:
    """Accuracy, time and memory of both simulations; the file is the network's whole."""
    torch.set_num_threads(1)
    classes, all_images = photographs(images)
    calibration, test = calibration_and_test(len(classes), test_images)
    facts: dict[str, Any] = {"images": len(test), "library": to}

    network = prepare(efficientnet_lite0(runs), ActivationConfig(levels=LEVELS)).eval()
    with torch.no_grad():
        calibrate_thresholds_(network, all_images[calibration], per="channel", by="mse")
    exported = Exported(convert(network), network, _rule(classes))
    started = time.perf_counter()
    file, script = writer(to)(exported, runs / f"efficientnet-lite0-{to}.safetensors")
    facts |= {
        "export_seconds": time.perf_counter() - started,
        "file_mib": file.stat().st_size / 2**20,
    }

    started = time.perf_counter()
    parts = all_images[test].split(BATCH)
    ours = torch.cat([simulate(exported.network, part, timesteps) for part in parts], 1)
    facts["reference_seconds_per_image"] = (time.perf_counter() - started) / len(test)
    facts["reference_peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    theirs, measured = _alone(script, all_images[test], timesteps)
    facts["library_seconds_per_image"] = measured["seconds"] / len(test)
    facts["library_peak_mib"] = measured["peak_mib"]
    # Sums round otherwise in other portions, so what is compared runs in those of the file.
    same_portions = torch.cat([_step_by_step(exported.network, x, timesteps) for x in parts], 1)
    facts["different_logits"] = int((same_portions != theirs).any(-1).sum())

    rows = []
    for t in (t for t in TIMESTEPS if t <= timesteps):
        mine, other = (x[:t].sum(0).argmax(-1) for x in (ours, theirs))
        rows.append(
            {
                "timesteps": t,
                "reference": (mine == test).double().mean().item(),
                to: (other == test).double().mean().item(),
                "other predictions": int((mine != other).sum()),
            }
        )
    _write(out, pd.DataFrame(rows), facts)


def _rule(classes: list[str]) -> Rule:
    same = (1.0,) * 3
    return Rule(
        architecture="efficientnet-lite0",
        dataset="ImageNet",
        classes=tuple(classes),
        input_shape=(3, SIZE, SIZE),
        mean=(MIDDLE / SCALE,) * 3,
        std=same,
        full_scale=float(SCALE),
        levels=LEVELS,
        method="calibrated, not trained",
    )


@torch.inference_mode()
def _step_by_step(network: SpikingNetwork, images: Tensor, timesteps: int) -> Tensor:
    """Logits `[T, N, classes]` of all images at once, one step at a time."""
    logits, state = [], None
    for _ in range(timesteps):
        step, state = network(images, 1, state)
        logits.append(step)
    return torch.cat(logits)


def _alone(script: Path, images: Tensor, timesteps: int) -> tuple[Tensor, dict[str, float]]:
    """Logits `[T, N, classes]` of the file's own script, and what they took."""
    pixels, logits = script.with_suffix(".pixels.npy"), script.with_suffix(".logits.npy")
    np.save(pixels, (images * SCALE + MIDDLE).round().to(torch.uint8).numpy())
    code = _ALONE.format(
        folder=str(script.parent),
        module=script.stem,
        pixels=str(pixels),
        timesteps=timesteps,
        batch=BATCH,
        out=str(logits),
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return torch.from_numpy(np.load(logits)), json.loads(done.stdout.splitlines()[-1])


def _write(out: Path, frame: pd.DataFrame, facts: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, value in facts.items():
        frame[name] = value
    frame.to_csv(out / "chip.csv", index=False, float_format="%.4f")
    library = facts["library"]
    rows = [
        cells(t, percent(ours), percent(theirs), others)
        for t, ours, theirs, others in frame.iloc[:, :4].itertuples(index=False)
    ]
    columns = ("T", "reference, %", f"{library} alone, %", "images predicted otherwise")
    table = Table("chip", "Accuracy", columns, rows, labels=0)
    made_by = provenance()
    longest = int(frame["timesteps"].max())
    lines = [
        f"# EfficientNet-Lite0, from its weights to a file that {library} runs",
        "",
        f"{facts['images']} photographs of ImageNet classes, plain integrate-and-fire neurons, θ "
        f"per channel by the least squared error of {LEVELS} levels, one thread, {BATCH} images at "
        "a time. The reference's memory is with all photographs and the calibration.",
        "",
        markdown_table(table, "##"),
        "The table's reference runs in portions of its own. In those of the file, one step at a "
        f"time, logits of {facts['different_logits']} of {facts['images'] * longest} images and "
        "steps differ.",
        "",
        f"| | reference | {library} alone |",
        "| --- | ---: | ---: |",
        _row(f"seconds per image, {longest} steps", facts, "seconds_per_image", ".2f"),
        _row("peak memory, MiB", facts, "peak_mib", ".0f"),
        "",
        f"The file has {facts['file_mib']:.1f} MiB and was written in "
        f"{facts['export_seconds']:.1f} s.",
        "",
        f"Made by `python -m benchmarks.pretrained.chip` of commit {commit_of(made_by)}; resnoise "
        f"{made_by.resnoise_version}, PyTorch {made_by.torch_version}, Python "
        f"{made_by.python_version}, {made_by.machine}.",
    ]
    text = "\n".join(lines) + "\n"
    (out / "chip.md").write_text(text, encoding="utf-8")
    print(text)


def _row(title: str, facts: dict[str, Any], name: str, style: str) -> str:
    values = (facts[f"{who}_{name}"] for who in ("reference", "library"))
    return f"| {title} | {' | '.join(format(value, style) for value in values)} |"


if __name__ == "__main__":
    typer.run(main)
