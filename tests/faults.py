"""Faults to plant, and the experiment that counts which of them the gate catches.

    python tests/faults.py --runs 10 --parts exact,trained,time

plants each in a clone of this repository's HEAD, runs `resnoise check --base HEAD` there, and
prints a line a fault: how often each part of the gate said that something is worse.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECK = [sys.executable, "-c", "from resnoise.cli import main; main()", "check"]
NEURONS = "resnoise/backends/reference.py"

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
            "        v.sub_(spike, alpha=theta)\n    return",
            "        v.sub_(spike, alpha=theta)\n"
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
    "reset to zero": ((NEURONS, "v.sub_(spike, alpha=theta)", "v *= 1 - spike"),),
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
    for fault in options.faults.split(","):
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "tree"
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
            plant(tree, fault)
            for part in options.parts.split(","):
                runs = [
                    run_check(tree, "--base", "HEAD", "--parts", part) for _ in range(options.runs)
                ]
                broken = [run for run in runs if run.returncode not in (0, 1)]
                if broken:
                    sys.exit(broken[0].stderr)
                caught = sum(run.returncode for run in runs)
                print(f"{fault}: {part}: {caught} of {len(runs)}", flush=True)
                print(runs[-1].stdout, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
