"""Faults to plant, and the experiment that counts which of them the gate catches.

    python tests/faults.py --runs 10 --parts exact,trained,time

plants each in a clone of this repository's HEAD, compares it there with HEAD, and prints a line a
fault: how often each part of the gate said that something is worse. For the exact part HEAD is
measured once, as a reference; the others measure it beside each fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from resnoise.check import gate, recorded, trees
from resnoise.check.trees import Side

ROOT = Path(__file__).resolve().parent.parent
CHECK = [sys.executable, "-c", "from resnoise.cli import main; main()", "check"]
NEURONS = "resnoise/backends/reference.py"
STEP = "resnoise/training/step.py"
AUGMENTATION = "resnoise/datasets/augment.py"
ACTIVATION = "resnoise/conversion/activation.py"

# name -> replacements of (file, text, text in its place)
FAULTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "nothing": (),
    "neuron loop 5 % slower": (
        # The clock that costs nothing to read, next to a loop of a tenth of a millisecond.
        (NEURONS, "import torch\n", "from time import perf_counter\n\nimport torch\n"),
        (
            NEURONS,
            "    spikes = torch.empty_like(current)\n",
            "    began = perf_counter()\n    spikes = torch.empty_like(current)\n",
        ),
        (
            NEURONS,
            "        v.addcmul_(spike, threshold, value=-1)\n    return",
            "        v.addcmul_(spike, threshold, value=-1)\n"
            "    end = began + 1.05 * (perf_counter() - began)\n"
            "    while perf_counter() < end:\n"
            "        pass\n"
            "    return",
        ),
    ),
    "threshold 1 % too high": (
        (
            "resnoise/conversion/converter.py",
            "threshold = activation.threshold.detach().clone()",
            "threshold = 1.01 * activation.threshold.detach()",
        ),
    ),
    "reset to zero": ((NEURONS, "v.addcmul_(spike, threshold, value=-1)", "v *= 1 - spike"),),
    "σ halved": (
        (
            "resnoise/methods/induction.py",
            "sqrt(1 - kept) * error.sigma",
            "sqrt(1 - kept) * 0.5 * error.sigma",
        ),
    ),
    "> instead of ≥": ((NEURONS, "torch.ge(v,", "torch.gt(v,"),),
    "surrogate gradient without its square": (
        (
            NEURONS,
            "return grad / (ctx.alpha * x.abs() + 1) ** 2",
            "return grad / (ctx.alpha * x.abs() + 1)",
        ),
    ),
    "SRP without its gate": (("baselines/srp.py", "threshold)._replace(gate=gate)", "threshold)"),),
    # Of training.
    "noise of every epoch from one seed": (
        (
            "resnoise/training/randomness.py",
            'generator_for(seed, "noise", epoch)',
            'generator_for(seed, "noise")',
        ),
    ),
    "cosine once an epoch": (
        ("resnoise/training/epoch.py", "epoch - 1 + index / steps", "epoch - 1"),
    ),
    "induction ignores the recipe's T": (
        ("resnoise/methods/conversion_method.py", "recipe.induction.timesteps", "4"),
    ),
    "noise with the other sign": (
        (ACTIVATION, "self.ramp * self.sigma,", "-self.ramp * self.sigma,"),
    ),
    "mean error added, not taken off": ((ACTIVATION, "a = a - (self.ramp", "a = a + (self.ramp"),),
    "no gradient through the clipping of λ": (
        (ACTIVATION, "grad_threshold -= (grad_z * z)", "grad_threshold -= 0 * (grad_z * z)"),
    ),
    "noise whole from the first epoch": (
        (
            "resnoise/training/schedule.py",
            "min(1.0, epoch / growing) if growing else 1.0",
            "1.0",
        ),
    ),
    "σ² not averaged": (
        (
            "resnoise/methods/induction.py",
            "averaging if layer.sigma > 0 else 0.0",
            "0.0",
        ),
    ),
    "SGD without momentum": ((STEP, "momentum=recipe.momentum", "momentum=0.0"),),
    "weight decay of λ whatever the switch": (
        (STEP, "recipe.weight_decay if decayed else 0.0", "recipe.weight_decay"),
    ),
    "the last epoch is the best": (
        ("resnoise/training/course.py", "accuracies[-1] == max(accuracies)", "accuracies"),
    ),
    # Of data.
    "other images validate": (
        ("resnoise/datasets/splits.py", "random_state=seed,", "random_state=seed + 1,"),
    ),
    "validation images are trained on": (
        (
            "resnoise/datasets/splits.py",
            "return np.sort(train), np.sort(validation)",
            "return np.arange(len(labels)), np.sort(validation)",
        ),
    ),
    "no order of the images drawn": (
        (
            "resnoise/datasets/loader.py",
            "torch.randperm(self.length, generator=self.generator)",
            "torch.arange(self.length)",
        ),
    ),
    "flips a quarter of the images": (
        (
            "resnoise/datasets/augment.py",
            "generator=generator) < 0.5",
            "generator=generator) < 0.25",
        ),
    ),
    "cutout of half the side": (
        (AUGMENTATION, "side, device = height // 2,", "side, device = height // 4,"),
    ),
    # Of evaluation.
    "accuracy over whole batches alone": (
        (
            "resnoise/evaluation/accuracy.py",
            "        right += (predictions(simulation(images, timesteps)) == labels).sum(1)",
            "        if len(labels) == job.recipe.batch_size:\n"
            "            right += (predictions(simulation(images, timesteps)) == labels).sum(1)",
        ),
    ),
    "an accumulate at 0.1 pJ": (("resnoise/metrics/energy.py", "AC_PJ = 0.9", "AC_PJ = 0.1"),),
    "exact interval for Wilson's": (
        ("resnoise/analysis/statistics.py", 'method="wilson"', 'method="exact"'),
    ),
    "Bonferroni for Holm": (
        ("resnoise/analysis/statistics.py", "np.arange(len(p), 0, -1)", "len(p)"),
    ),
    "shared training images not corrected for": (
        ("resnoise/analysis/statistics.py", "1 + len(values) * test_to_train", "1"),
    ),
    "McNemar one-sided": (
        (
            "resnoise/analysis/paired_tests.py",
            "np.abs(sums) >= abs(values.sum())",
            "sums >= abs(values.sum())",
        ),
    ),
}


def plant(tree: Path, fault: str) -> None:
    """Change the files of a tree; each text must be there exactly once."""
    for name, text, replacement in FAULTS[fault]:
        path = tree / name
        content = path.read_text()
        assert content.count(text) == 1, f"{name} changed: fit the fault {fault!r} to it"
        path.write_text(content.replace(text, replacement))


def run_check(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`resnoise check` in a tree, with that tree's code."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run(
        [*CHECK, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--parts", default="exact,trained,time")
    parser.add_argument("--faults", default=",".join(FAULTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.json"
        if "exact" in options.parts:
            recorded.write(reference, trees.measure(Side(ROOT), ROOT / gate.WEIGHTS, ["exact"]))
        for fault in options.faults.split(","):
            tree = Path(folder) / "tree"
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
            plant(tree, fault)
            for part in options.parts.split(","):
                before = ("--reference", str(reference)) if part == "exact" else ("--base", "HEAD")
                runs = [run_check(tree, *before, "--parts", part) for _ in range(options.runs)]
                broken = [run for run in runs if run.returncode not in (0, 1)]
                if broken:
                    sys.exit(broken[0].stderr)
                caught = sum(run.returncode for run in runs)
                print(f"{fault}: {part}: {caught} of {len(runs)}", flush=True)
                print(runs[-1].stdout, file=sys.stderr, flush=True)
            shutil.rmtree(tree)


if __name__ == "__main__":
    main()
